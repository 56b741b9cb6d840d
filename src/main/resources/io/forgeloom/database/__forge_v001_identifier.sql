-- The SQL twin of io.forgeloom.database.Identifier: a name that may enter SQL. PostgreSQL cuts a longer one short without
-- an error, and keeps the prefix pg_ for itself; here both are refused. Returns the name, so that it can stand inside
-- format('... %I ...', forge_validate_identifier(name)).
--
-- Bytes are those of UTF-8 in a database of any encoding, and the prefix is compared in collation C, so that both twins
-- give one verdict whatever the database or the column says.
CREATE FUNCTION forge_validate_identifier(name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    -- Whatever the caller's search_path holds in front of pg_catalog, here it does not count.
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    bytes integer := octet_length(convert_to(name, 'UTF8'));
    shown text;
    problem text;
BEGIN
    IF name IS NULL THEN
        problem := 'it must not be null; give a name of 1 to 63 bytes';
    ELSIF bytes = 0 THEN
        problem := 'it must not be empty; give a name of 1 to 63 bytes';
    ELSIF bytes > 63 THEN
        problem := format('it has %s bytes of UTF-8; PostgreSQL keeps 63: shorten it', bytes);
    ELSIF starts_with(name COLLATE "C", 'pg_') THEN
        problem := 'PostgreSQL keeps the prefix pg_ for itself: choose another name';
    ELSE
        RETURN name;
    END IF;
    -- It may come from anywhere, be of any length and hold the escape codes of a terminal.
    shown := regexp_replace(left(name, 80) COLLATE "C", '[[:cntrl:]]', '?', 'g');
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('identifier %s: %s',
            coalesce('"' || shown || CASE WHEN length(name) > 80 THEN '...' ELSE '' END || '"', 'NULL'), problem);
END
$function$;

COMMENT ON FUNCTION forge_validate_identifier(text) IS
    'Forgeloom: returns a name that may enter SQL, and refuses (22023) null, an empty one, more than 63 bytes of UTF-8, the prefix pg_';
