-- Version 1. Times are microseconds since 1970 UTC; NULL stands for "not yet".
-- Key references are JSON (registry.KeyRef.Encode). No column holds a key.

-- The highest row is the epoch of the issue numbers given now.
CREATE TABLE restore_epochs (
    epoch INTEGER PRIMARY KEY CHECK (epoch BETWEEN 0 AND 255),
    began INTEGER NOT NULL
) STRICT;

CREATE TABLE holders (
    id      TEXT PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    unit    TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    rev     INTEGER NOT NULL
) STRICT;

CREATE TABLE badges (
    id                 TEXT PRIMARY KEY NOT NULL,
    uid                BLOB NOT NULL UNIQUE CHECK (length(uid) BETWEEN 4 AND 10),
    card_type          TEXT NOT NULL,
    version            BLOB,
    state              TEXT NOT NULL,
    credential_number  BLOB UNIQUE CHECK (length(credential_number) = 16),
    profile            TEXT NOT NULL,
    profile_hash       BLOB CHECK (length(profile_hash) = 32),
    first_station      TEXT NOT NULL,
    first_conversation TEXT NOT NULL,
    expiry             INTEGER,
    created            INTEGER NOT NULL,
    updated            INTEGER NOT NULL,
    rev                INTEGER NOT NULL,
    UNIQUE (id, uid)
) STRICT;
CREATE INDEX badges_by_state ON badges (state, id);

CREATE TABLE assignments (
    id     INTEGER PRIMARY KEY,
    badge  TEXT NOT NULL REFERENCES badges (id),
    holder TEXT NOT NULL REFERENCES holders (id),
    since  INTEGER NOT NULL,
    until  INTEGER CHECK (until >= since)
) STRICT;
CREATE UNIQUE INDEX assignments_one_lasting ON assignments (badge) WHERE until IS NULL;
CREATE INDEX assignments_by_badge ON assignments (badge, id);
CREATE INDEX assignments_by_holder ON assignments (holder, id);

-- Domain, generation and issue repeat what key says, for the reports of
-- rotation campaigns.
CREATE TABLE card_slots (
    badge      TEXT NOT NULL REFERENCES badges (id),
    aid        BLOB NOT NULL CHECK (length(aid) = 3),
    slot       INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 13),
    key        TEXT, -- NULL until evidence tells
    domain     TEXT GENERATED ALWAYS AS (key ->> 'domain') STORED,
    generation INTEGER GENERATED ALWAYS AS (key ->> 'generation') STORED,
    issue      INTEGER GENERATED ALWAYS AS (key ->> 'issue') STORED,
    state      TEXT NOT NULL,
    updated    INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    PRIMARY KEY (badge, aid, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_slots_by_generation ON card_slots (domain, generation, badge);

-- Rows are never deleted: a number belongs to its UID for ever.
CREATE TABLE issue_numbers (
    uid          BLOB NOT NULL,
    epoch        INTEGER NOT NULL REFERENCES restore_epochs (epoch),
    attempt      INTEGER NOT NULL CHECK (attempt BETWEEN 1 AND 255),
    conversation TEXT NOT NULL,
    given        INTEGER NOT NULL,
    PRIMARY KEY (uid, epoch, attempt)
) STRICT, WITHOUT ROWID;

-- The highest fence of a UID is its fencing number. Rows are never deleted.
CREATE TABLE procedures (
    id           TEXT PRIMARY KEY NOT NULL,
    uid          BLOB NOT NULL,
    badge        TEXT NOT NULL,
    name         TEXT NOT NULL,
    conversation TEXT NOT NULL,
    instance     TEXT NOT NULL,
    actor        TEXT NOT NULL,
    station      TEXT NOT NULL,
    profile      TEXT NOT NULL,
    profile_hash BLOB NOT NULL,
    card_type    TEXT NOT NULL,
    fence        INTEGER NOT NULL,
    started      INTEGER NOT NULL,
    ended        INTEGER,
    ending       TEXT NOT NULL,
    UNIQUE (uid, fence),
    FOREIGN KEY (badge, uid) REFERENCES badges (id, uid)
) STRICT;
CREATE UNIQUE INDEX procedures_one_open ON procedures (uid) WHERE ended IS NULL;
CREATE INDEX procedures_by_badge ON procedures (badge, uid);
CREATE INDEX procedures_by_station ON procedures (station);

CREATE TABLE intents (
    id        TEXT PRIMARY KEY NOT NULL,
    procedure TEXT NOT NULL REFERENCES procedures (id),
    opened    INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_by_procedure ON intents (procedure);

-- new_issue is NULL when the new key has no issue number.
CREATE TABLE intent_slots (
    intent                TEXT NOT NULL REFERENCES intents (id),
    badge                 TEXT NOT NULL REFERENCES badges (id),
    aid                   BLOB NOT NULL CHECK (length(aid) = 3),
    slot                  INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 13),
    key_set               INTEGER NOT NULL,
    old_key               TEXT NOT NULL,
    new_key               TEXT NOT NULL,
    new_issue             INTEGER GENERATED ALWAYS AS (new_key ->> 'issue') STORED,
    trials                INTEGER NOT NULL,
    settled               INTEGER,
    outcome               TEXT NOT NULL,
    evidence_kind         TEXT NOT NULL,
    evidence_key          TEXT,
    evidence_conversation TEXT NOT NULL,
    PRIMARY KEY (intent, aid, slot)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX intent_slots_one_unsettled
    ON intent_slots (badge, aid, slot, ifnull(new_issue, 0)) WHERE settled IS NULL;
CREATE INDEX intent_slots_by_slot ON intent_slots (badge, aid, slot);

CREATE TABLE trials (
    badge    TEXT NOT NULL REFERENCES badges (id),
    aid      BLOB NOT NULL CHECK (length(aid) = 3),
    slot     INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 13),
    in_a_row INTEGER NOT NULL,
    PRIMARY KEY (badge, aid, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    station      TEXT NOT NULL,
    id           TEXT NOT NULL,
    badge        TEXT NOT NULL,
    conversation TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    created      INTEGER NOT NULL,
    PRIMARY KEY (station, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE domains (
    name      TEXT PRIMARY KEY NOT NULL,
    kind      TEXT NOT NULL,
    format    TEXT NOT NULL,
    system_id BLOB NOT NULL,
    created   INTEGER NOT NULL
) STRICT;

CREATE TABLE generations (
    domain           TEXT NOT NULL REFERENCES domains (name),
    number           INTEGER NOT NULL,
    key_name         TEXT NOT NULL,
    key_version      INTEGER NOT NULL,
    card_key_version INTEGER NOT NULL CHECK (card_key_version BETWEEN 1 AND 254),
    state            TEXT NOT NULL,
    origin           TEXT NOT NULL,
    kcv              BLOB NOT NULL CHECK (length(kcv) = 5),
    created          INTEGER NOT NULL,
    changed          INTEGER NOT NULL,
    PRIMARY KEY (domain, number),
    UNIQUE (domain, card_key_version),
    UNIQUE (key_name, key_version)
) STRICT, WITHOUT ROWID;

-- idx is the record's place in the tree, NULL until it is sequenced; salt and
-- body become NULL together when retention erases them.
CREATE TABLE audit_records (
    writer TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    idx    INTEGER UNIQUE,
    header BLOB NOT NULL,
    tag    BLOB NOT NULL CHECK (length(tag) = 32),
    salt   BLOB,
    body   BLOB,
    PRIMARY KEY (writer, seq),
    CHECK ((salt IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_records_unsequenced ON audit_records (writer, seq) WHERE idx IS NULL;

CREATE TABLE audit_hashes (
    position INTEGER PRIMARY KEY,
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE audit_checkpoints (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
) STRICT;
