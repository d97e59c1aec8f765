-- needs: 17
-- How many people are in each group, All Users included: to count a million rows for a page takes too long. Triggers keep it, so that
-- it is right whoever writes, a program of before included. What a group has is the sum of its rows.
CREATE TABLE group_sizes (
	group_id BIGINT NOT NULL,
	part     BIGINT NOT NULL,
	members  BIGINT NOT NULL,
	PRIMARY KEY (group_id, part)
);
INSERT INTO counters (name, value) VALUES ('group_sizes', 0); -- is locked by whoever adds parts up

-- only: sqlite
CREATE TRIGGER memberships_added AFTER INSERT ON memberships BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (NEW.group_id, 0, 1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + 1;
END;
CREATE TRIGGER memberships_removed AFTER DELETE ON memberships BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (OLD.group_id, 0, -1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members - 1;
END;
CREATE TRIGGER memberships_moved AFTER UPDATE OF group_id ON memberships WHEN OLD.group_id <> NEW.group_id BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (OLD.group_id, 0, -1), (NEW.group_id, 0, 1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + excluded.members;
END;
CREATE TRIGGER accounts_added AFTER INSERT ON accounts BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (1, 0, 1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + 1;
END;
CREATE TRIGGER accounts_removed AFTER DELETE ON accounts BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (1, 0, -1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members - 1;
END;

-- only: postgres
-- Each transaction has a part of its own: with one row for a group, all sign-ins of new people would wait for one another, and two
-- that put people into the same groups in another order would end in a deadlock. The sweep adds the parts up into part 0.
CREATE FUNCTION count_memberships() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO group_sizes (group_id, part, members)
		SELECT group_id, txid_current(), CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed GROUP BY group_id
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + excluded.members;
	RETURN NULL;
END $$;
CREATE FUNCTION count_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO group_sizes (group_id, part, members) VALUES (OLD.group_id, txid_current(), -1), (NEW.group_id, txid_current(), 1)
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + excluded.members;
	RETURN NULL;
END $$;
CREATE FUNCTION count_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO group_sizes (group_id, part, members)
		SELECT 1, txid_current(), CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed HAVING count(*) > 0
		ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + excluded.members;
	RETURN NULL;
END $$;
CREATE FUNCTION count_none() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM group_sizes WHERE (group_id = 1) = (TG_TABLE_NAME = 'accounts');
	RETURN NULL;
END $$;
CREATE TRIGGER memberships_added AFTER INSERT ON memberships REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_memberships();
CREATE TRIGGER memberships_removed AFTER DELETE ON memberships REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_memberships();
CREATE TRIGGER memberships_moved AFTER UPDATE OF group_id ON memberships FOR EACH ROW WHEN (OLD.group_id <> NEW.group_id) EXECUTE FUNCTION count_moved();
CREATE TRIGGER memberships_emptied AFTER TRUNCATE ON memberships FOR EACH STATEMENT EXECUTE FUNCTION count_none();
CREATE TRIGGER accounts_added AFTER INSERT ON accounts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_accounts();
CREATE TRIGGER accounts_removed AFTER DELETE ON accounts REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_accounts();
CREATE TRIGGER accounts_emptied AFTER TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION count_none();

-- only: both
-- After the triggers: PostgreSQL lets nobody write to a table from when it gets one until the end of the migration.
INSERT INTO group_sizes (group_id, part, members) SELECT group_id, 0, count(*) FROM memberships GROUP BY group_id;
INSERT INTO group_sizes (group_id, part, members) SELECT 1, 0, count(*) FROM accounts;
