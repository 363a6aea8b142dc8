"""What the made-up members talk about: pieces that ``writing.py`` puts together. Nobody ever said any of it."""

from __future__ import annotations

import msgspec


class Theme(msgspec.Struct, frozen=True):
    """A topic, with titles, things and sentences; ``{thing}`` stands for one of its things, ``{place}`` for a place."""

    name: str
    about: str
    things: tuple[str, ...]
    titles: tuple[str, ...]
    sentences: tuple[str, ...]


FIRST_NAMES = (
    "Ada Amir Anouk Bela Birgit Carlo Chiara Dario Edda Emeka Enzo Farah Finn Gita Goran Hana Henrik Ilse Imani Ines Ivo Jana "
    "Jonas Kaja Karim Kenji Lale Leo Linnea Luca Maja Malik Marta Mei Milo Mira Nadia Nils Noor Olga Oskar Paolo Petra Pilar "
    "Quentin Rafa Ravi Rosa Sami Sanna Selma Simon Stella Tariq Tilda Tomas Uma Vera Viggo Wanda Yara Zeno"
).split()
LAST_NAMES = (
    "Abel Ahlgren Bauer Bianchi Castell Conti Dahl Dietz Endo Ferro Fontana Gallo Greco Haddad Holm Ibsen Jansen Kaya Keller "
    "Kovac Lang Lindqvist Lopez Marek Moreau Nagy Novak Okafor Olsen Pace Petrov Quist Rao Ricci Rossi Sato Silva Steiner "
    "Tamm Torres Urban Varga Vidal Weiss Winter Ylitalo Zanetti Zimmer"
).split()
PLACES = (
    "the market", "the old mill", "the canal", "the station", "the schoolyard", "the hill", "the library", "the harbour",
    "the allotments", "the square", "the upper bridge", "the fire station",
)  # fmt: skip
ABOUTS = (
    "I mend more than I buy.", "Mostly here for the bread.", "Two cats, one cello, no car.", "New in town, ask me nothing yet.",
    "I know every bench on {place}.", "Retired, which is to say busy.", "Teacher by day, gardener by evening.",
    "I take pictures of {place} in the rain.", "Looking for people to walk with.", "I bring cake.",
    "Night shifts, long breakfasts.", "Ask me about bees.", "I collect maps that are wrong.", "Always one project too many.",
)  # fmt: skip

THEMES = (
    Theme(
        "Kitchen", "What is on the stove, and what went wrong with it.",
        ("sourdough", "plum cake", "pumpkin soup", "flatbread", "pickled beets", "lentil stew", "apple butter", "noodle broth"),
        ("My {thing} will not behave", "{thing} for twenty people, how?", "The {thing} from the stall at {place}", "What do you put into {thing}?",
         "{thing}, third attempt, finally good", "A {thing} that forgives everything", "Too much {thing}, come and take some", "Which flour for {thing}?"),
        ("The dough was cold, so I gave it another four hours.", "A pinch of salt in the water made all the difference.", "My grandmother put caraway in, and I never asked why.",
         "The oven here runs thirty degrees hotter than it says.", "I weighed everything this time, for once.", "It tastes better on the second day, like most things.",
         "Somebody at {place} sells the good butter again."),
    ),
    Theme(
        "Garden", "Beds, balconies, and whatever ate the lettuce.",
        ("tomatoes", "runner beans", "the fig tree", "wild garlic", "compost", "the rain barrel", "raspberries", "a beehive"),
        ("What is eating {thing}?", "{thing} on a north-facing balcony", "Too late for {thing}?", "Spare plants: {thing}, free to a good home",
         "{thing} by {place}: who looks after it?", "First {thing} of the year", "How often do you water {thing}?", "Learning about {thing} the slow way"),
        ("Slugs, I suspect, but I have never caught one at it.", "The soil by {place} is pure clay.", "I cut it back hard in spring and it came back twice as strong.",
         "We had frost as late as the middle of May.", "Coffee grounds did nothing, eggshells did nothing, a hedgehog did everything.", "There is more shade than I remembered.",
         "The neighbours share their seeds every autumn."),
    ),
    Theme(
        "Workshop", "Mending things, and the tools that people lend each other.",
        ("a wobbly chair", "the toaster", "a bench vice", "an old lathe", "a leaking tap", "a sewing machine", "a window frame", "the cargo trailer"),
        ("How would you mend {thing}?", "{thing}: repair or give up?", "Looking to borrow tools for {thing}", "Repair evening at {place}: bring {thing}",
         "I took {thing} apart and have two screws left", "Parts for {thing}, where from?", "{thing} runs again!", "What glue for {thing}?"),
        ("The screw is metric, the nut is not, and that was the whole problem.", "I have a spare one in a box somewhere.", "Take a picture before you unscrew anything.",
         "It had been mended before, by somebody better than me.", "The repair evening at {place} has the right clamp.", "A drop of oil, a night of patience.", "There was sawdust in the switch."),
    ),
    Theme(
        "Bicycles", "Two wheels, rain or shine.",
        ("a slipping chain", "the dynamo light", "a touring bike", "winter tyres", "the child seat", "a squeaking brake", "the commute", "a cargo bike"),
        ("Help with {thing}", "Best route to {place} with {thing}?", "{thing}: what do you use?", "Does anybody else have trouble with {thing}?",
         "Sunday ride from {place}, slow and with cake", "Sixty kilometres and {thing}", "Found at {place}: a glove and a bell", "What I learned about {thing} this winter"),
        ("The path along {place} is open again, with new gravel.", "I changed the cable and it was the hanger after all.", "Forty is plenty of pressure for that tyre.",
         "Leave ten minutes earlier and the lights are all green.", "It only squeaks when somebody is listening.", "We stopped twice for coffee and once for a swan.", "The bus takes bicycles after seven."),
    ),
    Theme(
        "Books", "What we read, what we lent, what never came back.",
        ("a ghost story", "the long novel", "a book of maps", "a sea diary", "short stories", "a cookbook from 1911", "the poetry evening", "a detective series"),
        ("Who has my copy of {thing}?", "Reading {thing}: worth the second half?", "{thing} for a ten-year-old", "The reading circle at {place}: next is {thing}",
         "I finished {thing} on the train and missed my stop", "Something like {thing}, but shorter", "The shelf at {place} has {thing} now", "In praise of {thing}"),
        ("The middle drags, then everything happens in forty pages.", "The translator deserves a prize.", "I underlined half of it in pencil, sorry.", "We talked about it until they closed the room.",
         "The exchange shelf at {place} is dry again.", "It is better aloud.", "I would not lend it, which is the highest praise I have."),
    ),
    Theme(
        "Walks", "Paths, views, benches, weather.",
        ("the ridge path", "a night walk", "the ferry loop", "fog", "the chapel trail", "wild geese", "the flooded meadow", "an hour before work"),
        ("{thing}, this morning", "Is {thing} open again?", "{thing} with a pushchair?", "Lost a scarf between {place} and the woods", "Company for {thing} on Saturday?",
         "The new bench at {place}", "Three hours, one thermos: {thing}", "Who marks {thing}?"),
        ("The view from {place} was worth the mud.", "Take the left fork, whatever the sign says.", "Nobody there but a heron.", "The ferry stops at six now, so plan backwards.",
         "Boots, not shoes.", "The fog lifted exactly when we turned around.", "There is water at the chapel again."),
    ),
    Theme(
        "Music", "Choirs, cellars, and neighbours who practise.",
        ("the Tuesday choir", "a borrowed cello", "brass on {place}", "the cellar session", "an out-of-tune piano", "a tin whistle", "the spring concert", "a waltz"),
        ("Altos wanted for {thing}", "{thing}: thank you for last night", "Where can I practise {thing} without losing friends?", "Somebody to play {thing} with?", "Strings for {thing}",
         "What was that at {place} at noon?", "Learning {thing} at fifty", "Recording of {thing}"),
        ("The room at {place} has a fine echo and no heating.", "We play slowly and stop when somebody laughs.", "The second verse is in seven, nobody told us.", "Ear plugs are by the door.",
         "I have the parts, as photographs of photographs.", "It sounded better than it had any right to.", "Bring a stand, we are two short."),
    ),
    Theme(
        "Town", "What is being built, closed, planned and found.",
        ("the tram stop", "the fountain", "the market hall", "the night bus", "the playground", "street lamps", "the summer fair", "the drinking tap"),
        ("What is happening at {thing}?", "{thing}: the plans are out", "Volunteers for {thing}", "Lost near {thing}: a key with a red ribbon", "A petition about {thing}, and a question",
         "Opening hours of {thing}", "Photos: {thing}, then and now", "Thank you to whoever mended {thing}"),
        ("They say spring, so let us say autumn.", "The plan hangs in the hall by {place}.", "The meeting is on the first floor, the lift works.", "I counted forty people and three dogs.",
         "Write to the office, they do answer.", "It was like that in my childhood, and will be again.", "The crane goes on Friday."),
    ),
)  # fmt: skip

OPENINGS = (
    "Good morning everybody.", "A question for those who know.", "Short version first.", "I have put this off for a month.", "Yesterday it happened again.", "This may be known already.",
    "Good news for once.", "I did not expect to write about this.", "Following up on what we said last week.", "We talked about it at {place}.",
)  # fmt: skip
COMMON = (
    "If anybody knows better, tell me before I do it again.", "It cost nothing but an afternoon.", "I am told there is a trick to it.", "Half of it is luck, I suppose.", "My neighbour swears by the opposite.",
    "I wrote it all down this time.", "We were three, and it took the whole day.", "I would do it the same way again.", "There is a notice about it at {place}.", "It is not urgent, but it nags.",
    "Last year it was easier.", "I asked at {place} and got four answers.", "The weather had other plans.", "It worked on the second try, do not ask about the first.",
)  # fmt: skip
CLOSINGS = (
    "What would you do?", "Any advice is welcome.", "I will report back.", "Thank you in advance.", "Come by if you like.", "Pictures follow when the light is better.", "Does that sound right to you?",
    "I am at {place} on Thursday, if somebody wants to look.", "Who joins?", "That is all, have a good week.",
)  # fmt: skip
REPLIES = (
    "The same here.", "Thank you, that helped.", "I would try it the other way round.", "Count me in.", "Where did you get it?", "That made my day.", "I have one to lend, write to me.", "Careful with that.",
    "We did this two years ago, and it held.", "Not my experience, but I may have been unlucky.", "Ask at {place}, they know.", "Which size?", "I will bring cake.", "Please do report back.",
    "Saturday would suit me better.", "You are not alone in this.", "Old trick, still works.", "How long did it take in the end?", "I laughed out loud.", "Somebody should write that down.",
    "Lovely!", "I doubt it, but I want it to be true.", "Try again when it is warmer.", "There was one at {place} last week.", "My mother says the same.", "Good to know, I was about to give up.",
    "Seconded.", "And what did it cost?", "I can come by after six.", "That is exactly the question.",
)  # fmt: skip
LINES = (
    "Morning!", "Anybody at {place} today?", "The coffee machine works again.", "Rain at {place}, take the bus.", "Who has the key to the workshop?", "On my way.", "That was a good evening.", "Somebody left a hat.",
    "See you at six.", "I baked too much again.", "The lift is stuck, send biscuits.", "Which one?", "The blue one, I think.", "No, the other one.", "Found it.", "Thank you!", "Geese over {place}, hundreds.",
    "Back in ten minutes.", "Has anybody tried the new bakery?", "Twice. Today.",
)  # fmt: skip
