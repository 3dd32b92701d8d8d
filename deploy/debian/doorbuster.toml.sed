# Makes /etc/doorbuster/doorbuster.toml of what `doorbuster config example` prints: the keys that have to be set on a
# machine where systemd starts the server, with the places that the package made. stage.sh refuses if one is not found.
1i\
# The package's own lines are those without a # in front of them. Under systemd the addresses of the listeners are those\
# of doorbuster-public.socket, doorbuster-operations.socket and doorbuster-inventory.socket (systemctl edit).\
# `doorbuster config check --config /etc/doorbuster/doorbuster.toml` says what a start would say.\

s|^#path = "data/doorbuster.db"$|path = "/var/lib/doorbuster/doorbuster.db"|
s|^#create = true$|create = true   # for the first start only: set it to false then|
s|^#jwt_secret = ""$|jwt_secret_file = "secrets/jwt"   # your identity provider's; not there yet|
s|^#admin_token = ""$|admin_token_file = "secrets/admin"   # made at the installation|
s|^#path = "data/inventory.db"$|path = "/var/lib/doorbuster-inventory/inventory.db"|
