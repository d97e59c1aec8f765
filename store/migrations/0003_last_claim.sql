-- Of each account's last login: the groups it named, as a JSON list ('' until one named any), to preview mappings; and the
-- mark of the settings under which it was accepted.
ALTER TABLE accounts ADD COLUMN idp_groups TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN mark TEXT NOT NULL DEFAULT '';
