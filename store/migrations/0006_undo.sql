-- What administrators may take back for some days: settings as they were before a change and as it left them (JSON: name →
-- value, or null for none), the groups that it cleared, and who was in them.
CREATE TABLE undos (
	id         TEXT   PRIMARY KEY,
	kind       TEXT   NOT NULL,
	made_at    BIGINT NOT NULL,
	actor      TEXT   NOT NULL,
	people     BIGINT NOT NULL,
	before     TEXT   NOT NULL,
	after      TEXT   NOT NULL,
	keep_until BIGINT NOT NULL
);
CREATE INDEX undos_until ON undos (keep_until);

CREATE TABLE undo_groups (
	undo_id  TEXT    NOT NULL REFERENCES undos (id) ON DELETE CASCADE,
	group_id BIGINT  NOT NULL,
	name     TEXT    NOT NULL,
	deleted  BOOLEAN NOT NULL,
	members  BIGINT  NOT NULL,
	PRIMARY KEY (undo_id, group_id)
);

CREATE TABLE undo_members (
	undo_id    TEXT   NOT NULL REFERENCES undos (id) ON DELETE CASCADE,
	group_id   BIGINT NOT NULL,
	account_id BIGINT NOT NULL,
	source     TEXT   NOT NULL,
	added_at   BIGINT NOT NULL,
	PRIMARY KEY (undo_id, group_id, account_id)
);
