-- A place for customers on their way in, empty; see actions/arriving.py.
CREATE TEMPORARY TABLE IF NOT EXISTS customers_arriving (
    place bigint NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    city text NOT NULL,
    address text NOT NULL,
    email text NOT NULL,
    category text NOT NULL,
    profile jsonb NOT NULL,
    numbers text[] NOT NULL,
    grams text[] NOT NULL,
    sort_key text NOT NULL,
    name_key text NOT NULL,
    address_key text NOT NULL
) ON COMMIT DELETE ROWS;
DELETE FROM customers_arriving
