-- needs: 18
-- In which week each person signed in last, counted from 1970. last_login has no index (see 0014), and a page with those who have been
-- away for long would look at each account. Triggers keep it, so that it is right whoever writes, a program of before included. Most
-- sign-ins write nothing here: only the first one in a week does.
CREATE TABLE login_weeks (
	week       BIGINT NOT NULL,
	account_id BIGINT NOT NULL,
	PRIMARY KEY (week, account_id)
) WITHOUT ROWID;

-- only: sqlite
CREATE TRIGGER logins_added AFTER INSERT ON accounts WHEN NEW.last_login > 0 BEGIN
	INSERT INTO login_weeks (week, account_id) VALUES (NEW.last_login / 604800000000, NEW.id) ON CONFLICT (week, account_id) DO NOTHING;
END;
CREATE TRIGGER logins_moved AFTER UPDATE OF last_login ON accounts
		WHEN OLD.last_login / 604800000000 <> NEW.last_login / 604800000000 OR (OLD.last_login > 0) <> (NEW.last_login > 0) BEGIN
	DELETE FROM login_weeks WHERE week = OLD.last_login / 604800000000 AND account_id = OLD.id;
	INSERT INTO login_weeks (week, account_id) SELECT NEW.last_login / 604800000000, NEW.id WHERE NEW.last_login > 0 ON CONFLICT (week, account_id) DO NOTHING;
END;
CREATE TRIGGER logins_removed AFTER DELETE ON accounts BEGIN
	DELETE FROM login_weeks WHERE week = OLD.last_login / 604800000000 AND account_id = OLD.id;
END;

-- only: postgres
CREATE FUNCTION add_login_weeks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO login_weeks (week, account_id) SELECT last_login / 604800000000, id FROM changed WHERE last_login > 0
		ON CONFLICT (week, account_id) DO NOTHING;
	RETURN NULL;
END $$;
CREATE FUNCTION remove_login_weeks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM login_weeks l USING changed WHERE l.week = changed.last_login / 604800000000 AND l.account_id = changed.id;
	RETURN NULL;
END $$;
CREATE FUNCTION move_login_week() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM login_weeks WHERE week = OLD.last_login / 604800000000 AND account_id = OLD.id;
	IF NEW.last_login > 0 THEN
		INSERT INTO login_weeks (week, account_id) VALUES (NEW.last_login / 604800000000, NEW.id) ON CONFLICT (week, account_id) DO NOTHING;
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION forget_login_weeks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM login_weeks;
	RETURN NULL;
END $$;
CREATE TRIGGER logins_added AFTER INSERT ON accounts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_login_weeks();
CREATE TRIGGER logins_removed AFTER DELETE ON accounts REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION remove_login_weeks();
CREATE TRIGGER logins_moved AFTER UPDATE OF last_login ON accounts FOR EACH ROW
	WHEN (OLD.last_login / 604800000000 <> NEW.last_login / 604800000000 OR (OLD.last_login > 0) <> (NEW.last_login > 0)) EXECUTE FUNCTION move_login_week();
CREATE TRIGGER logins_emptied AFTER TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION forget_login_weeks();

-- only: both
-- After the triggers: PostgreSQL lets nobody write to a table from when it gets one until the end of the migration.
INSERT INTO login_weeks (week, account_id) SELECT last_login / 604800000000, id FROM accounts WHERE last_login > 0;
