# /etc/systemd/system/<< project >>.service
# The project is in /srv/<< project >> with its .venv, the environment (see .env.example) in /etc/<< project >>.env, mode 600.
[Unit]
Description=<< title >>
After=network-online.target
Wants=network-online.target

[Service]
User=<< user >>
WorkingDirectory=/srv/<< project >>
EnvironmentFile=/etc/<< project >>.env
StateDirectory=<< project >>
StateDirectoryMode=0700
UMask=0077
ExecStartPre=/srv/<< project >>/.venv/bin/vivace migrate
ExecStart=/srv/<< project >>/.venv/bin/vivace run --port 8000 --health 127.0.0.1:8001 --workers 2
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure

CapabilityBoundingSet=
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
