-- Which SECRET_KEY seals what is kept (store/sealed): a value that is made of the key, and tells nothing about it. Whoever
-- seals something holds the row, so that a program with another key seals nothing.
CREATE TABLE secret_key (
	name      TEXT   PRIMARY KEY,
	key_check TEXT   NOT NULL,
	since     BIGINT NOT NULL
);
