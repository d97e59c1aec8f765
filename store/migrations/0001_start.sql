-- Times are unix microseconds (UTC); 0 is "never". Sets are JSON, read only by the program.
-- The words "INTEGER PRIMARY KEY …" and "COLLATE BINARY" are SQLite's; engine.go says what PostgreSQL gets for them.

CREATE TABLE counters (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
-- administrators and probe count nothing: the first is locked by whoever takes an administrator away, the second is
-- what readiness writes to.
INSERT INTO counters (name, value) VALUES
	('group', 2), ('change', 0), ('settings', 0), ('event_day', 0), ('administrators', 0), ('probe', 0);

CREATE TABLE accounts (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	email         TEXT    NOT NULL,
	email_key     TEXT    COLLATE BINARY NOT NULL UNIQUE,
	first_name    TEXT    NOT NULL,
	last_name     TEXT    NOT NULL,
	first_key     TEXT    COLLATE BINARY NOT NULL,
	last_key      TEXT    COLLATE BINARY NOT NULL,
	active        BOOLEAN NOT NULL,
	password_hash TEXT    NOT NULL,
	source        TEXT    NOT NULL,
	synced        TEXT    NOT NULL,
	own           TEXT    NOT NULL,
	created_at    BIGINT  NOT NULL,
	last_login    BIGINT  NOT NULL
);
CREATE INDEX accounts_first ON accounts (first_key);
CREATE INDEX accounts_last ON accounts (last_key);

-- Who an account is at a provider that names people by a claim. One subject a provider: a second is somebody else.
CREATE TABLE identities (
	provider   TEXT   NOT NULL,
	subject    TEXT   NOT NULL,
	account_id BIGINT NOT NULL REFERENCES accounts (id),
	linked_at  BIGINT NOT NULL,
	PRIMARY KEY (provider, subject),
	UNIQUE (account_id, provider)
);

CREATE TABLE groups (
	id   BIGINT PRIMARY KEY,
	name TEXT   COLLATE BINARY NOT NULL UNIQUE
);
INSERT INTO groups (id, name) VALUES (1, 'All Users'), (2, 'Administrators');

-- Everyone is in All Users, so that no row says so.
CREATE TABLE memberships (
	account_id BIGINT NOT NULL REFERENCES accounts (id),
	group_id   BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE CHECK (group_id > 1),
	source     TEXT   NOT NULL,
	added_at   BIGINT NOT NULL,
	PRIMARY KEY (account_id, group_id)
);
CREATE INDEX memberships_group ON memberships (group_id, account_id);

CREATE TABLE sessions (
	hash       BYTEA  PRIMARY KEY,
	account_id BIGINT NOT NULL REFERENCES accounts (id),
	provider   TEXT   NOT NULL,
	proof      TEXT   NOT NULL,
	flow       TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	last_used  BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	peer       TEXT   NOT NULL,
	user_agent TEXT   NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id, created_at);
CREATE INDEX sessions_created ON sessions (created_at);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Spent tokens and spent flows.
CREATE TABLE proofs (
	key        TEXT   PRIMARY KEY,
	keep_until BIGINT NOT NULL,
	spent_at   BIGINT NOT NULL,
	session    BYTEA  NOT NULL
);
CREATE INDEX proofs_until ON proofs (keep_until);

CREATE TABLE handoffs (
	key        TEXT   PRIMARY KEY,
	data       BYTEA  NOT NULL,
	keep_until BIGINT NOT NULL
);

CREATE TABLE settings (
	name     TEXT    PRIMARY KEY,
	value    TEXT    NOT NULL,
	sealed   BOOLEAN NOT NULL,
	saved_at BIGINT  NOT NULL,
	saved_by TEXT    NOT NULL
);

CREATE TABLE events (
	id         INTEGER PRIMARY KEY,
	at         BIGINT NOT NULL,
	kind       TEXT   NOT NULL,
	code       TEXT   NOT NULL,
	reference  TEXT   NOT NULL,
	provider   TEXT   NOT NULL,
	account_id BIGINT NOT NULL,
	email      TEXT   NOT NULL,
	email_key  TEXT   NOT NULL,
	actor      TEXT   NOT NULL,
	peer       TEXT   NOT NULL,
	detail     TEXT   NOT NULL,
	key_id     TEXT   NOT NULL,
	proof      TEXT   NOT NULL
);
CREATE INDEX events_at ON events (at, id, kind); -- the kind is for counting
CREATE INDEX events_kind ON events (kind, at, id);
CREATE INDEX events_code ON events (code, at, id) WHERE code <> '';
CREATE INDEX events_account ON events (account_id, at, id) WHERE account_id <> 0;
CREATE INDEX events_email ON events (email_key, at, id) WHERE email_key <> '';
CREATE INDEX events_reference ON events (reference, at, id) WHERE reference <> '';

-- How many events there were on the days that are over, up to the day that counter event_day names (days since 1970):
-- counting a million events takes half a second.
CREATE TABLE event_days (
	day   BIGINT NOT NULL,
	kind  TEXT   NOT NULL,
	count BIGINT NOT NULL,
	PRIMARY KEY (day, kind)
);

CREATE TABLE signing_keys (
	id         TEXT   PRIMARY KEY,
	private    BYTEA  NOT NULL,
	created_at BIGINT NOT NULL,
	retired_at BIGINT NOT NULL
);

CREATE TABLE failures (
	key TEXT   NOT NULL,
	at  BIGINT NOT NULL
);
CREATE INDEX failures_key ON failures (key, at);
CREATE INDEX failures_at ON failures (at);

CREATE TABLE changes (
	seq        BIGINT PRIMARY KEY,
	account_id BIGINT NOT NULL,
	at         BIGINT NOT NULL
);

-- The names of groups that providers sent lately, to offer when groups are mapped.
CREATE TABLE idp_groups (
	provider  TEXT   NOT NULL,
	name      TEXT   COLLATE BINARY NOT NULL,
	last_seen BIGINT NOT NULL,
	PRIMARY KEY (provider, name)
);
