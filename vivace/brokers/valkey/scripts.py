"""What happens in Valkey: each step of the broker is one script, so nobody sees half of it.

Keys, all behind the prefix (KEYS[1] of every script is the hash of the state; scripts make the others from it, as there
is one server and no cluster):

| key | what |
|---|---|
| ``state`` | hash: ``epoch``; ``number``, the last one given; ``floor``, up to which messages may be lost; ``run``, the server's run id |
| ``log:<topic>`` | stream of the latest messages; the id is the number; fields o(rigin), s(eq), p(ayload) |
| ``last:<topic>`` | the number of the latest message, also when the log has expired; for a day |
| ``members`` | sorted set: process → when it counts as dead (server's time, ms) |
| ``leases:<topic>`` | hash: process, NUL, key → value |
| ``held:<process>`` | set: l(ease) NUL topic NUL key, or t(icket) NUL lock NUL ticket: what goes with the process |
| ``lock:<name>`` | list of tickets; the head holds the lock |
| ``count:<name>`` | counter |

Channels: ``topic:<topic>`` (number, origin and payload, separated by spaces), ``control`` (a new epoch),
``process:<process>`` (a ticket that is now at the head).

*Numbers are times*: microseconds since 1970 by the server's clock, or one more than the last one. So a number says when
it was given, which tells whether a log that has expired could have held anything after it; and they go on rising when
the server comes back empty. They fit into the 53 bits of Lua's and JavaScript's numbers until 2255.

The epoch is a time as well (ms), or one more than the last. It begins anew where the state is missing: the server lost
its memory.
"""

from __future__ import annotations

from .client import script

_COMMON = """
local state = KEYS[1]
local prefix = string.sub(state, 1, -6)
local function key(kind, name) return prefix .. kind .. ':' .. name end
local function whole(value) return string.format('%.0f', value) end
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local millis = math.floor(micros / 1000)

local function renew()
  local epoch = math.max(millis, tonumber(redis.call('HGET', state, 'epoch') or 0) + 1)
  redis.call('HSET', state, 'epoch', whole(epoch))
  redis.call('PUBLISH', prefix .. 'control', whole(epoch))
  return epoch
end

local function begin()
  redis.call('HSET', state, 'floor', whole(micros))
  return renew()
end

local function current()
  local found = redis.call('HMGET', state, 'epoch', 'number')
  if not found[1] then begin() end
  return tonumber(found[2] or 0)
end

local function publish(topic, origin, seq, payload, messages, millis_kept)
  local number = whole(math.max(micros, current() + 1))
  local log = key('log', topic)
  redis.call('HSET', state, 'number', number)
  redis.call('XADD', log, 'MAXLEN', messages + 1, number .. '-0', 'o', origin, 's', seq, 'p', payload)
  redis.call('PEXPIRE', log, millis_kept)
  redis.call('PUBLISH', key('topic', topic), number .. ' ' .. origin .. ' ' .. payload)
  return number
end

local function next_in_line(name)
  local head = redis.call('LINDEX', key('lock', name), 0)
  if head then
    redis.call('PUBLISH', key('process', string.match(head, '^[^/]*')), head)
  end
end

local function give_up(process, name, ticket)
  local line = key('lock', name)
  local held = redis.call('LINDEX', line, 0) == ticket
  redis.call('LREM', line, 1, ticket)
  redis.call('SREM', key('held', process), 't\\0' .. name .. '\\0' .. ticket)
  if held then next_in_line(name) end
  return held
end

-- an array of three in msgpack: process, key, nil
local function gone(process, name)
  return '\\147' .. cmsgpack.pack(process) .. cmsgpack.pack(name) .. '\\192'
end

local function drop(process, topic, name, messages, millis_kept)
  redis.call('SREM', key('held', process), 'l\\0' .. topic .. '\\0' .. name)
  if redis.call('HDEL', key('leases', topic), process .. '\\0' .. name) == 1 then
    publish(topic .. '/leases', process, 0, gone(process, name), messages, millis_kept)
  end
end

local function leave(process, messages, millis_kept)
  if redis.call('ZREM', prefix .. 'members', process) == 0 then return false end
  for _, held in ipairs(redis.call('SMEMBERS', key('held', process))) do
    local kind, first, second = string.match(held, '^(.)%z(.-)%z(.*)$')
    if kind == 't' then give_up(process, first, second) else
      drop(process, first, second, messages, millis_kept)
    end
  end
  redis.call('DEL', key('held', process))
  return true
end
"""

# process, run id, may stay away (ms), first, clean → epoch, number, whether it was known
JOIN = script(
    _COMMON
    + """
local number = current()
local known = redis.call('ZSCORE', prefix .. 'members', ARGV[1])
local run = redis.call('HGET', state, 'run')
redis.call('HSET', state, 'run', ARGV[2])
local other = run and run ~= ARGV[2] -- it may have lost the last seconds
if other then begin() elseif (ARGV[4] == '0' and not known) or ARGV[5] == '0' then renew() end
redis.call('ZADD', prefix .. 'members', millis + tonumber(ARGV[3]), ARGV[1])
number = math.max(number, micros)
redis.call('HSET', state, 'number', whole(number))
return {redis.call('HGET', state, 'epoch'), whole(number), known and not other and 1 or 0}
"""
)

# process, may stay away (ms), messages, ms kept → whether it was known; buries who has been away for too long
BEAT = script(
    _COMMON
    + """
local members = prefix .. 'members'
local known = redis.call('ZSCORE', members, ARGV[1])
if known then redis.call('ZADD', members, millis + tonumber(ARGV[2]), ARGV[1]) end
local dead = redis.call('ZRANGEBYSCORE', members, '-inf', '(' .. whole(millis))
for _, process in ipairs(dead) do leave(process, ARGV[3], ARGV[4]) end
if #dead > 0 then renew() end
return known and 1 or 0
"""
)

# process, goodbye, messages, ms kept
LEAVE = script(
    _COMMON
    + """
if leave(ARGV[1], ARGV[3], ARGV[4]) and ARGV[2] == '0' then renew() end
"""
)

RENEW = script(_COMMON + "return whole(renew())")

# origin, messages + 1, ms kept, then topic, seq and payload of each → numbers. Written out, as it runs for each message:
# a script of closures takes twice as long (measured).
PUBLISH = script(
    """
local state = KEYS[1]
local prefix = string.sub(state, 1, -6)
local logs, topics, call = prefix .. 'log:', prefix .. 'topic:', redis.call
local time, found = call('TIME'), call('HMGET', state, 'epoch', 'number')
local number = math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), tonumber(found[2] or 0) + 1) - 1
if not found[1] then
  local epoch = time[1] .. string.sub('00000' .. math.floor(tonumber(time[2]) / 1000), -3)
  call('HSET', state, 'epoch', epoch, 'floor', string.format('%.0f', number))
  call('PUBLISH', prefix .. 'control', epoch)
end
local origin, numbers, touched = ARGV[1], {}, {}
for i = 4, #ARGV, 3 do
  number = number + 1
  local text, topic, payload = string.format('%.0f', number), ARGV[i], ARGV[i + 2]
  call('XADD', logs .. topic, 'MAXLEN', ARGV[2], text .. '-0', 'o', origin, 's', ARGV[i + 1], 'p', payload)
  call('PUBLISH', topics .. topic, text .. ' ' .. origin .. ' ' .. payload)
  numbers[#numbers + 1] = text
  touched[topic] = text
end
call('HSET', state, 'number', string.format('%.0f', number))
for topic, text in pairs(touched) do
  call('PEXPIRE', logs .. topic, ARGV[3])
  call('SET', prefix .. 'last:' .. topic, text, 'EX', 86400)
end
return numbers
"""
)

# topic, origin, seq → the number under which it was published, or nil
FIND = script(
    _COMMON
    + """
for _, entry in ipairs(redis.call('XREVRANGE', key('log', ARGV[1]), '+', '-')) do
  if entry[2][2] == ARGV[2] and entry[2][4] == ARGV[3] then return string.match(entry[1], '^%d+') end
end
return false
"""
)

# → a number that is behind every message so far
POSITION = script(
    _COMMON
    + """
local number = whole(math.max(micros, current()))
redis.call('HSET', state, 'number', number)
return number
"""
)

# topic, number, number + 1, messages, ms kept → entries, or nil where the log does not reach back
SINCE = script(
    _COMMON
    + """
local number, log = tonumber(ARGV[2]), key('log', ARGV[1])
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if number > math.max(micros, current()) then return false end
if number < tonumber(redis.call('HGET', state, 'floor') or 0) then return false end
local last = redis.call('GET', key('last', ARGV[1]))
if last and number >= tonumber(last) then return {} end
local kept = tonumber(ARGV[5]) * 1000
if not oldest then
  if number < micros - kept then return false end
  return {}
end
local first = tonumber(string.match(oldest[1], '^%d+'))
if redis.call('XLEN', log) > tonumber(ARGV[4]) then
  if number < first then return false end -- it marks where the log was cut
elseif number < first - kept then
  return false -- an older log may have expired before this one began
end
return redis.call('XRANGE', log, ARGV[3], '+')
"""
)

# process, topic, key, value, encoded lease, messages, ms kept
PUT = script(
    _COMMON
    + """
redis.call('HSET', key('leases', ARGV[2]), ARGV[1] .. '\\0' .. ARGV[3], ARGV[4])
redis.call('SADD', key('held', ARGV[1]), 'l\\0' .. ARGV[2] .. '\\0' .. ARGV[3])
publish(ARGV[2] .. '/leases', ARGV[1], 0, ARGV[5], ARGV[6], ARGV[7])
"""
)

# process, topic, key, messages, ms kept
DROP = script(_COMMON + "drop(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])")

# process, name, ticket → whether it is at the head
CLAIM = script(
    _COMMON
    + """
local line = key('lock', ARGV[2])
if not redis.call('LPOS', line, ARGV[3]) then
  redis.call('RPUSH', line, ARGV[3])
  redis.call('SADD', key('held', ARGV[1]), 't\\0' .. ARGV[2] .. '\\0' .. ARGV[3])
end
return redis.call('LINDEX', line, 0) == ARGV[3] and 1 or 0
"""
)

# process, name, ticket → whether it was at the head
GIVE_UP = script(_COMMON + "return give_up(ARGV[1], ARGV[2], ARGV[3]) and 1 or 0")

__all__ = [
    "BEAT",
    "CLAIM",
    "DROP",
    "FIND",
    "GIVE_UP",
    "JOIN",
    "LEAVE",
    "POSITION",
    "PUBLISH",
    "PUT",
    "RENEW",
    "SINCE",
]
