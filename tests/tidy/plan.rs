//! **Job:** the plan of the house: its rooms, and whom each may know.
//! **Owns:** the order of the rooms, from the ground up.
//! **Never:** holds a rule: `rules.rs` compares the sources with it.

/// Who may know whom, of the server: a room, and the rooms it may name. `actors::` is the other crate. Read downwards:
/// a room names only rooms above it.
pub(crate) const SERVER: &[(&str, &str)] = &[
    ("certificates", ""),
    ("fields", ""),
    ("json_object", "fields"),
    ("config", "actors::cluster"),
    ("signals", ""),
    ("background", ""),
    ("logs", "background"),
    ("service_manager", "background"),
    ("payment", "config fields json_object actors::ids actors::item actors::payment"),
    ("catalogue", "config fields actors::ids actors::item actors::time"),
    ("redis_client", "config"),
    ("export", "actors::entry actors::ids actors::item actors::ledger actors::payment actors::time"),
    ("feed", "config redis_client actors::ids actors::ledger actors::payment actors::time"),
    ("webhook", "config feed actors::data_file actors::time"),
    ("gate", "config redis_client actors::ids actors::observe actors::request actors::sale"),
    (
        "http",
        "certificates fields gate json_object actors::cluster actors::entry actors::ids actors::item actors::payment \
         actors::request actors::sale actors::time",
    ),
    ("auth", "config http actors::ids actors::request"),
    (
        "api",
        "auth config fields gate http payment actors::cluster actors::entry actors::ids actors::item actors::payment \
         actors::request actors::sale",
    ),
    (
        "ops",
        "api auth catalogue config export feed fields gate http redis_client webhook actors::entry actors::ids \
         actors::item actors::observe actors::payment actors::request actors::sale actors::time",
    ),
    (
        "server",
        "api auth background catalogue config export feed gate http ops payment redis_client service_manager signals \
         webhook actors::data_file actors::ids actors::item actors::ledger actors::payment actors::request \
         actors::sale actors::time",
    ),
    ("inventory", "background config http redis_client service_manager signals actors::data_file"),
    (
        "commands",
        "auth catalogue certificates config export feed gate inventory logs redis_client server \
         service_manager signals webhook actors::cluster actors::data_file actors::entry actors::ids \
         actors::item actors::ledger actors::payment actors::sale actors::time",
    ),
    ("main", "background commands logs signals actors::sale"),
];

/// Who may know whom, of the sale itself. Read downwards, too.
pub(crate) const SALE: &[(&str, &str)] = &[
    ("stop", ""),
    ("time", ""),
    ("ids", ""),
    ("money", ""),
    ("trace", ""),
    ("data_file", ""),
    ("item_pool", ""),
    ("commit_trigger", ""),
    ("fault", "ids"),
    ("permit", "trace"),
    ("used_keys", "ids"),
    ("cluster", "ids"),
    ("item", "ids money time"),
    ("payment", "ids money"),
    ("entry", "ids item money payment time"),
    ("debts", "ids money payment"),
    ("request", "entry ids item payment time"),
    ("observe", "commit_trigger payment request"),
    ("watchers", "entry ids"),
    ("status", "data_file request"),
    ("stock", "debts entry ids item payment request time"),
    ("suspense", "debts entry ids item payment request stock time"),
    ("payment_index", "debts entry ids payment"),
    ("directory", "entry ids item item_pool observe payment stock time"),
    ("ledger", "data_file entry ids item money payment request stock suspense time"),
    ("enqueued", "directory"),
    ("reply", "entry ids ledger payment request"),
    ("messages", "enqueued entry ids payment permit reply request stock suspense"),
    ("gathering", "entry messages permit reply request stock"),
    ("batch", "commit_trigger"),
    ("placement", "ids messages"),
    (
        "view",
        "cluster directory ids observe payment payment_index permit placement status stock suspense time used_keys \
         watchers",
    ),
    (
        "order_writer",
        "batch commit_trigger ids ledger messages observe placement reply request status stock stop suspense view",
    ),
    ("stock_actor", "directory entry gathering messages observe permit reply request stock stop time trace view"),
    (
        "core",
        "directory entry fault gathering ids messages observe permit reply status stock stock_actor suspense time view",
    ),
    ("router", "core ids messages observe placement stock stop suspense"),
    ("handle", "cluster directory enqueued ids item messages payment permit reply request router stock trace view"),
    (
        "sale",
        "batch cluster core data_file directory entry fault handle ids item item_pool ledger order_writer \
         payment_index permit placement reply router status stock stop suspense time trace used_keys view watchers",
    ),
];
