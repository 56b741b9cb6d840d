-- The change log: what happened to each row of a tracked table, written by triggers in the writer's transaction: one row
-- for each, or, where a statement changed many, one for up to 64 of them, whose numbers follow each other.
--
-- Order. A row's transaction has its xid before its row has its seq, since the trigger runs after the write; and whoever
-- changes a row after another has waited for that one's commit. So what one snapshot sees and an earlier one does not,
-- ordered by seq, is the order of commits for each row; seq alone is not. A reader's position is a snapshot.
--
-- Trimming. The partitions are a ring of slots. Writers write to the one that forge_change_slot names; trimming empties
-- another one by TRUNCATE, which leaves no dead rows and stops nobody who writes elsewhere. A row's slot says nothing of
-- its age: a late writer may write into one that was left long ago.

-- Both are read by every writer, so they are sequences: no dead versions, one buffer, seen at once by whoever has an old
-- snapshot, and no serializable transaction conflicts over them.
CREATE SEQUENCE forge_change_slot AS smallint MINVALUE 0 MAXVALUE 7 START 0;
COMMENT ON SEQUENCE forge_change_slot IS 'Forgeloom: last_value is the slot of forge_change_log that is written to';
-- Twice the time, in milliseconds since 1970, until which someone sleeps and wants to be woken; odd if that is wanted
-- even where transactions can be prepared, which a notification makes impossible.
CREATE SEQUENCE forge_change_sleepers MINVALUE 0 START 0;
COMMENT ON SEQUENCE forge_change_sleepers IS 'Forgeloom: until when writers ring forge_changes';

CREATE TABLE forge_change_log (
    -- Of the last change that the row tells of. The cache must be 1, or a session hands out numbers that it drew before
    -- another's commit.
    seq bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME forge_change_seq CACHE 1),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- Not now(), which is when the transaction began.
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    slot smallint NOT NULL DEFAULT coalesce(pg_sequence_last_value('forge_change_slot'), 0),
    -- I, U, D, T: INSERT, UPDATE, DELETE, TRUNCATE.
    op "char" NOT NULL,
    -- As SQL spells it: schema.table, quoted where need be.
    table_name text NOT NULL,
    -- The key as text, of several columns a JSON array of texts; null in what tells of a whole statement.
    row_id text,
    -- The texts of a key of several columns; null for one of one column.
    key text[],
    -- What an UPDATE changed; null if that is not recorded.
    changed_cols text[],
    -- Instead of row_id and key, those of several rows to which the same was done, in the order of their numbers.
    row_ids text[],
    keys text[]
) PARTITION BY LIST (slot);

CREATE TABLE forge_change_log_0 PARTITION OF forge_change_log FOR VALUES IN (0) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_1 PARTITION OF forge_change_log FOR VALUES IN (1) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_2 PARTITION OF forge_change_log FOR VALUES IN (2) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_3 PARTITION OF forge_change_log FOR VALUES IN (3) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_4 PARTITION OF forge_change_log FOR VALUES IN (4) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_5 PARTITION OF forge_change_log FOR VALUES IN (5) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_6 PARTITION OF forge_change_log FOR VALUES IN (6) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE TABLE forge_change_log_7 PARTITION OF forge_change_log FOR VALUES IN (7) WITH (autovacuum_enabled = off, toast_tuple_target = 8160);

-- To page through what is new, and to find what one transaction wrote.
CREATE INDEX forge_change_log_by_seq ON forge_change_log (seq);
CREATE INDEX forge_change_log_by_xid ON forge_change_log (xid, seq);

COMMENT ON TABLE forge_change_log IS 'Forgeloom: the changes of tracked tables, to be read through snapshots, never by seq > last';

-- What a reader must know of trimming. One row.
CREATE TABLE forge_change_control (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    -- Another log, another history: positions of the one mean nothing in the other.
    log_id text NOT NULL DEFAULT left(replace(CAST(gen_random_uuid() AS text), '-', ''), 8),
    trims bigint NOT NULL DEFAULT 0,
    -- Of all rows that were ever trimmed: the highest xid, and a snapshot that saw them all.
    trimmed_xid xid8 NOT NULL DEFAULT '0',
    trimmed pg_snapshot NOT NULL DEFAULT '1:1:',
    -- Two snapshots of earlier runs, so that one of them is old enough to have been passed by whoever polls.
    settled pg_snapshot NOT NULL DEFAULT '1:1:',
    settling pg_snapshot NOT NULL DEFAULT '1:1:',
    settling_since timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO forge_change_control DEFAULT VALUES;
COMMENT ON TABLE forge_change_control IS 'Forgeloom: what was trimmed from forge_change_log';

-- Named consumers, and holds of those who copy a table before they follow it.
CREATE TABLE forge_change_consumers (
    name text PRIMARY KEY,
    position text NOT NULL,
    -- The snapshot up to which the position has everything.
    seen pg_snapshot NOT NULL,
    -- Whether trimming waits for it.
    holds boolean NOT NULL,
    -- Whoever consumes under that name now; one that was taken over from can commit no more.
    owner uuid NOT NULL,
    -- When a hold ends by itself; null for a consumer.
    expires_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE forge_change_consumers IS 'Forgeloom: how far the consumers of forge_change_log are';

-- The columns of a table's identity: of its primary key, else of the narrowest unique index whose columns are all NOT
-- NULL; null if there is none.
CREATE FUNCTION forge_change_key(tracked oid) RETURNS text[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT (SELECT array_agg(a.attname::text ORDER BY k.place)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts)
    FROM pg_index AS i
    WHERE i.indrelid = tracked AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (
            SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
            LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts AND a.attnotnull IS NOT TRUE)
    ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1
$function$;

-- Columns as SQL compares them. Equal values of a plain type look the same and are one row's key for everybody; of any
-- other (numeric 1.0 and 1.00, a collation that ignores case) equality is the user's opinion, or missing, or may raise.
CREATE FUNCTION forge_change_columns(tracked oid) RETURNS TABLE (name text, place smallint, plain boolean, settings boolean, differs text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $function$
    WITH RECURSIVE base AS (
        SELECT a.attname, a.attnum, a.attcollation, a.atttypid AS type
        FROM pg_attribute AS a
        -- Of a virtual column there is nothing in a transition table.
        WHERE a.attrelid = tracked AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
        UNION ALL
        SELECT b.attname, b.attnum, b.attcollation, t.typbasetype
        FROM base AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd')
    SELECT b.attname::text, b.attnum, p.plain,
           -- Whose text the session's settings decide on.
           NOT (t.typtype = 'e' OR t.oid = ANY ('{bool,int2,int4,int8,oid,uuid,text,varchar,bpchar,numeric}'::regtype[])),
           -- Whether o and n differ in it, by what they look like.
           format(CASE WHEN p.plain THEN 'o.%1$I IS DISTINCT FROM n.%1$I'
                  WHEN t.oid = 'numeric'::regtype THEN '(o.%1$I IS DISTINCT FROM n.%1$I OR scale(o.%1$I) IS DISTINCT FROM scale(n.%1$I))'
                  ELSE 'record_image_ne(ROW(o.%1$I), ROW(n.%1$I))' END, b.attname)
    FROM base AS b JOIN pg_type AS t ON t.oid = b.type, LATERAL (
        SELECT (t.typtype = 'e' OR t.oid = ANY ('{bool,int2,int4,int8,oid,uuid,date,time,timestamp,timestamptz,bytea,text,varchar}'::regtype[]))
               AND coalesce((SELECT c.collisdeterministic FROM pg_collation AS c WHERE c.oid = b.attcollation), true)) AS p (plain)
    WHERE t.typtype <> 'd'
$function$;

-- The statement that logs what one statement did to a table, as the table is now. Part all logs a row for each row that was
-- changed. Few does so for the first 64 of them, or, of an UPDATE, for one that is alone and keeps its key, which takes no
-- join to speak of. Many logs a row for up to 64 of them: of all that an UPDATE changed, else of what few has left. Where
-- nothing is logged by rows there is all, and the others are null.
CREATE FUNCTION forge_change_sql(tracked oid, operation text, mode text, columns boolean, part text DEFAULT 'all') RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT
AS $function$
DECLARE
    home text := quote_ident(current_schema());
    target text := (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
                    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = tracked);
    key_names text[] := forge_change_key(tracked);
    start text := format('INSERT INTO %s.forge_change_log (op, table_name, row_id, key, changed_cols) SELECT ', home);
    -- Of o, of n, and of whichever there is.
    old_key text; new_key text; some_key text; matched text; changed text;
    op text; one text; joined text; rows text;
BEGIN
    IF operation = 'TRUNCATE' OR mode = 'statement' OR key_names IS NULL THEN
        RETURN CASE WHEN part <> 'all' THEN NULL
            WHEN operation = 'TRUNCATE' THEN start || format('''T'', %L, NULL, NULL, NULL', target)
            ELSE start || format('%L, %L, NULL, NULL, NULL WHERE EXISTS (SELECT FROM %s)', left(operation, 1), target,
                CASE operation WHEN 'DELETE' THEN 'forge_old' ELSE 'forge_new' END) END;
    END IF;
    SELECT string_agg(format('o.%I::text', k.name), ', ' ORDER BY k.place),
           string_agg(format('n.%I::text', k.name), ', ' ORDER BY k.place),
           string_agg(format('coalesce(n.%1$I, o.%1$I)::text', k.name), ', ' ORDER BY k.place),
           string_agg(CASE WHEN c.plain THEN format('o.%1$I = n.%1$I', k.name)
                      ELSE format('o.%1$I::text COLLATE "C" = n.%1$I::text COLLATE "C"', k.name) END, ' AND ' ORDER BY k.place)
    INTO old_key, new_key, some_key, matched
    FROM unnest(key_names) WITH ORDINALITY AS k (name, place) JOIN forge_change_columns(tracked) AS c ON c.name = k.name;
    IF cardinality(key_names) = 1 THEN
        old_key := old_key || ', NULL::text[]'; new_key := new_key || ', NULL::text[]'; some_key := some_key || ', NULL::text[]';
    ELSE
        old_key := format('array_to_json(ARRAY[%s])::text, ARRAY[%1$s]', old_key);
        new_key := format('array_to_json(ARRAY[%s])::text, ARRAY[%1$s]', new_key);
        some_key := format('array_to_json(ARRAY[%s])::text, ARRAY[%1$s]', some_key);
    END IF;
    -- What there is to log: operation, row_id, key and changed columns.
    IF operation = 'INSERT' THEN
        rows := format('SELECT ''I'', %s, NULL::text[] FROM forge_new AS n', new_key);
    ELSIF operation = 'DELETE' THEN
        rows := format('SELECT ''D'', %s, NULL::text[] FROM forge_old AS o', old_key);
    ELSE
        SELECT CASE WHEN columns
               THEN coalesce(string_agg(format('CASE WHEN %s THEN %L END', c.differs, c.name), ', ' ORDER BY c.place), 'NULL::text')
               ELSE coalesce(string_agg(c.differs, ' OR ' ORDER BY c.plain DESC, c.place), 'false') END
        INTO changed FROM forge_change_columns(tracked) AS c WHERE NOT (c.plain AND c.name = ANY (key_names));
        IF part = 'few' THEN
            -- What there is to compare is one row with another, or nothing: whether it is alone is asked of each old row, before
            -- any new one is looked at. The join is an outer one on nothing so that it is done in that order.
            op := '''U'''; one := 'false'; some_key := new_key;
            joined := format('forge_old AS o LEFT JOIN forge_new AS n ON true'
                ' WHERE CASE WHEN EXISTS (SELECT FROM forge_new OFFSET 1) THEN false ELSE o.%I IS NOT NULL END AND coalesce(%s, false)',
                key_names[1], matched);
        ELSE
            -- Who changes a key takes one row away and brings another.
            one := format('o.%1$I IS NULL OR n.%1$I IS NULL', key_names[1]);
            op := format('CASE WHEN o.%1$I IS NULL THEN ''I'' WHEN n.%1$I IS NULL THEN ''D'' ELSE ''U'' END', key_names[1]);
            joined := format('forge_old AS o FULL JOIN forge_new AS n ON %s WHERE true', matched);
        END IF;
        -- What stays as it is, is not logged. OFFSET 0: it is asked for once.
        rows := CASE WHEN columns
            THEN format('SELECT c.* FROM (SELECT %s, %s, CASE WHEN (%s) IS FALSE THEN array_remove(ARRAY[%s], NULL) END FROM %s OFFSET 0)'
                        ' AS c (op, row_id, key, changed) WHERE c.changed IS DISTINCT FROM ''{}''', op, some_key, one, changed, joined)
            ELSE format('SELECT %s, %s, NULL::text[] FROM %s AND (%s OR %s)', op, some_key, joined, one, changed) END;
    END IF;
    IF part = 'many' THEN
        -- Of rows to which the same was done, numbers that follow each other with nobody else's between: in blocks of 64. The
        -- time is that of the number, as forge_change_youngest expects, not that of the end of a long statement.
        RETURN format('INSERT INTO %1$s.forge_change_log (seq, created_at, op, table_name, changed_cols, row_ids, keys)'
            ' OVERRIDING SYSTEM VALUE'
            ' SELECT max(p.seq), max(p.at), p.op, %2$L, p.changed, array_agg(p.row_id), %3$s'
            ' FROM (SELECT f.*, count(*) FILTER (WHERE f.follows IS NOT TRUE) OVER (ROWS UNBOUNDED PRECEDING) AS part'
                  ' FROM (SELECT d.*, d.seq = lag(d.seq) OVER () + 1 AND d.seq %% 64 <> 0'
                               ' AND d.op = lag(d.op) OVER () AND d.changed IS NOT DISTINCT FROM lag(d.changed) OVER () AS follows'
                        ' FROM (SELECT c.*, nextval(%4$L::regclass) AS seq, clock_timestamp() AS at FROM (%5$s) AS c (op, row_id, key, changed)) AS d) AS f) AS p'
            ' GROUP BY p.part, p.op, p.changed ORDER BY 1',
            home, target, CASE cardinality(key_names) WHEN 1 THEN 'NULL' ELSE 'array_agg(p.key)' END,
            home || '.forge_change_seq', rows || CASE operation WHEN 'UPDATE' THEN '' ELSE ' OFFSET 64' END);
    END IF;
    RETURN start || format('c.op, %L, c.row_id, c.key, c.changed FROM (%s) AS c (op, row_id, key, changed)', target, rows)
        || CASE WHEN part = 'few' AND operation <> 'UPDATE' THEN ' LIMIT 64' ELSE '' END;
END
$function$;

-- What tells a table by one name and with one set of columns from another. Said to be immutable so that it is asked when a
-- statement is planned, and only then: a plan in which a table's number occurs is made anew whenever that table is altered,
-- and any plan when a schema is. Planned with an older snapshot, which may not see that yet, it says that it does not know.
CREATE FUNCTION forge_change_shape(tracked oid) RETURNS bigint
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT hashtextextended(format('%I.%I', n.nspname, c.relname), bit_xor(hashtextextended(a.attname::text, a.atttypid::bigint)))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = tracked AND a.attnum > 0 AND NOT a.attisdropped
      AND current_setting('transaction_isolation') IN ('read committed', 'read uncommitted')
    GROUP BY n.nspname, c.relname
$function$;

-- The trigger function of a table for one operation. As the table was when this was written its statements are planned
-- once; as it is later, with other columns or another name, each is made anew: that takes longer, and no write fails.
-- Whatever is done for each statement costs the writer, each expression as each statement: there are as few as there can be.
CREATE FUNCTION forge_change_body(tracked oid, operation text, mode text, columns boolean) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT
AS $function$
DECLARE
    home text := quote_ident(current_schema());
    space name; called name; shape bigint;
    every text := forge_change_sql(tracked, operation, mode, columns);
    few text := forge_change_sql(tracked, operation, mode, columns, 'few');
    many text := forge_change_sql(tracked, operation, mode, columns, 'many');
    sleepers text := format('pg_sequence_last_value(%L::regclass)', home || '.forge_change_sleepers');
    -- Where someone sleeps, where it cannot fail a PREPARE TRANSACTION, and where the queue has room.
    ring text := format($source$IF %1$s / 2 > extract(epoch FROM clock_timestamp()) * 1000
           AND (%1$s %% 2 = 1 OR current_setting('max_prepared_transactions') = '0') AND pg_notification_queue_usage() < 0.5
        THEN
            PERFORM pg_notify('forge_changes', '');
        END IF;$source$, sleepers);
    logs text;
BEGIN
    SELECT n.nspname, c.relname, bit_xor(hashtextextended(a.attname::text, a.atttypid::bigint)) INTO STRICT space, called, shape
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = tracked GROUP BY n.nspname, c.relname;
    logs := CASE WHEN few IS NULL THEN format($source$%s%s;
    IF %s > 0 THEN
        %s
    END IF;$source$,
            -- An xid before a seq, also where nothing had to be emptied.
            CASE operation WHEN 'TRUNCATE' THEN E'PERFORM pg_current_xact_id();\n    ' ELSE '' END, every, sleepers, ring)
        WHEN operation = 'UPDATE' THEN format($source$%s;
    IF NOT FOUND OR %s > 0 THEN
        IF NOT FOUND THEN
            rows := (SELECT count(*) FROM (SELECT FROM forge_new LIMIT 65) AS n);
            IF rows > 64 THEN
                %s;
            ELSIF rows > 0 THEN
                %s;
            END IF;
        END IF;
        %s
    END IF;$source$, few, sleepers, many, every, ring)
        ELSE format($source$%s;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows = 64 OR %s > 0 THEN
        IF rows = 64 THEN
            %s;
        END IF;
        %s
    END IF;$source$, few, sleepers, many, ring) END;
    RETURN format($source$
-- forge_enable_reactivity: mode %1$s, columns %2$s
DECLARE
    altered boolean;
    mode text;
    rows bigint;
BEGIN
    IF (TG_RELID = %3$s::oid AND %4$s.forge_change_shape(%3$s::oid) = %5$s) IS NOT TRUE THEN
        -- With an older snapshot the catalog may tell of columns that are gone; the names of an object are those of now.
        SELECT (bit_xor(hashtextextended(a.attname::text, a.atttypid::bigint)) = %6$s AND count(*) = count(i.names)
                AND TG_TABLE_NAME = %7$L AND TG_TABLE_SCHEMA = %8$L) IS NOT TRUE,
               CASE WHEN count(*) = count(i.names) THEN %1$L ELSE 'statement' END
        INTO altered, mode
        FROM pg_attribute AS a LEFT JOIN LATERAL pg_identify_object_as_address(1259, TG_RELID, a.attnum) AS i (kind, names, args)
            ON i.names[3] = a.attname
        WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped;
        IF altered THEN
            PERFORM pg_current_xact_id();
            EXECUTE %4$s.forge_change_sql(TG_RELID, TG_OP, mode, %2$L);
            %9$s
            RETURN NULL;
        END IF;
    END IF;
    %10$s
    -- Of a statement NEW is null; it is no expression.
    RETURN NEW;
END
$source$, mode, columns, tracked, home,
        hashtextextended(format('%I.%I', space, called), shape), shape, called, space, ring, logs);
END
$function$;

-- Ends the tracking of a table; what is in the log stays. Clears away what tables left that were dropped.
CREATE FUNCTION forge_disable_reactivity(tracked regclass) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT
AS $function$
DECLARE
    gone record;
    found_any boolean := false;
BEGIN
    PERFORM pg_advisory_xact_lock(77306496745496);
    FOR gone IN SELECT t.tgname FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE t.tgrelid = tracked AND p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname LIKE 'forge\_track\_%'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', gone.tgname, tracked);
        found_any := true;
    END LOOP;
    FOR gone IN SELECT p.oid::regprocedure AS name FROM pg_proc AS p
        WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname LIKE 'forge\_track\_%'
          AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = p.oid)
    LOOP
        EXECUTE format('DROP FUNCTION %s', gone.name);
    END LOOP;
    RETURN found_any;
END
$function$;

-- Tracks a table: makes its trigger function and triggers, or renews the function alone where the triggers are there,
-- which waits for nobody. A table that is tracked as it should be is left alone. Mode row writes a row for each changed
-- row, statement one for each statement that changed any, off is forge_disable_reactivity.
CREATE FUNCTION forge_enable_reactivity(tracked regclass, mode text DEFAULT 'row', columns boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SET search_path FROM CURRENT
AS $function$
DECLARE
    home text := quote_ident(current_schema());
    target pg_class%ROWTYPE;
    space text;
    problem text;
    log_owner oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'forge_change_log'::regclass);
    -- Of the table's trigger functions, which end in what they are for.
    name text := 'forge_track_' || left(replace(gen_random_uuid()::text, '-', ''), 16);
    known pg_proc%ROWTYPE;
    source text;
    settings text := '';
    operation text;
BEGIN
    IF mode = 'off' THEN
        PERFORM forge_disable_reactivity(tracked);
        RETURN;
    ELSIF mode IS NULL OR columns IS NULL OR mode NOT IN ('row', 'statement') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('mode %L: it must be row, statement or off', mode);
    END IF;
    -- One at a time, or two would make a function each.
    PERFORM pg_advisory_xact_lock(77306496745496);
    SELECT c.* INTO STRICT target FROM pg_class AS c WHERE c.oid = tracked;
    SELECT n.nspname INTO STRICT space FROM pg_namespace AS n WHERE n.oid = target.relnamespace;
    problem := CASE
        WHEN target.relkind NOT IN ('r', 'p') THEN 'it is no table whose rows are kept here'
        WHEN space IN ('pg_catalog', 'information_schema') THEN 'it is a catalog of the server'
        WHEN space = current_schema() AND target.relname LIKE 'forge\_%' THEN 'it belongs to Forgeloom'
        WHEN target.relpersistence = 't' THEN 'it is temporary: what is written to it is of one session'
        WHEN target.relpersistence = 'u' THEN 'it is unlogged: a crash empties it, and nobody would log that'
        WHEN target.relispartition THEN format('it is a partition, and writes to %s are not seen there; track that one',
            (SELECT i.inhparent::regclass FROM pg_inherits AS i WHERE i.inhrelid = tracked))
        WHEN target.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits AS i WHERE tracked IN (i.inhparent, i.inhrelid))
            THEN 'it takes part in inheritance: what is written to one table is seen in another'
        WHEN mode = 'row' AND forge_change_key(tracked) IS NULL
            THEN 'it has no primary key and no unique index on columns that are NOT NULL, so its rows cannot be named;'
                ' add a key, or use mode statement'
        WHEN NOT pg_has_role(current_user, log_owner, 'USAGE')
            THEN format('%s may not act for %s, who owns the change log', quote_ident(current_user), log_owner::regrole)
        END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('table %s cannot be tracked: %s', tracked, problem);
    END IF;
    -- An identity must look the same whatever the writer has set.
    IF EXISTS (SELECT FROM forge_change_columns(tracked) AS c WHERE c.name = ANY (forge_change_key(tracked)) AND c.settings) THEN
        settings := 'SET datestyle = ''ISO, YMD'' SET timezone = ''UTC'' SET intervalstyle = ''postgres'''
            ' SET bytea_output = ''hex'' SET extra_float_digits = 1 SET lc_monetary = ''C''';
    END IF;
    FOREACH operation IN ARRAY '{insert,update,delete,truncate}'::text[] LOOP
        source := forge_change_body(tracked, upper(operation), mode, columns);
        SELECT p.* INTO known FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE t.tgrelid = tracked AND t.tgname = 'forge_changes_' || operation AND p.pronamespace = home::regnamespace;
        CONTINUE WHEN source = known.prosrc;
        known.proname := coalesce(known.proname, name || '_' || operation);
        EXECUTE format('CREATE OR REPLACE FUNCTION %1$s.%2$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
            ' SET search_path = %1$s, pg_temp %3$s AS %4$L', home, known.proname, settings, source);
        CONTINUE WHEN known.prosrc IS NOT NULL;
        EXECUTE format('REVOKE ALL ON FUNCTION %s.%I() FROM PUBLIC', home, known.proname);
        IF current_user <> pg_get_userbyid(log_owner) THEN
            EXECUTE format('ALTER FUNCTION %s.%I() OWNER TO %s', home, known.proname, log_owner::regrole);
        END IF;
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION %s.%I()',
            'forge_changes_' || operation, operation, tracked,
            CASE operation WHEN 'insert' THEN 'REFERENCING NEW TABLE AS forge_new'
                WHEN 'update' THEN 'REFERENCING OLD TABLE AS forge_old NEW TABLE AS forge_new'
                WHEN 'delete' THEN 'REFERENCING OLD TABLE AS forge_old' ELSE '' END, home, known.proname);
        -- For whoever writes as replication does.
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tracked, 'forge_changes_' || operation);
    END LOOP;
END
$function$;

-- Whether there is a row that one sees now and did not see when the transactions from above on had not ended, and those of
-- running had not either. Of one that is still writing a million rows none is looked at.
CREATE FUNCTION forge_change_news(above xid8, running xid8[]) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT
    -- The slots have no statistics, and are read by their indexes whatever is guessed.
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $function$
DECLARE
    seen pg_snapshot := pg_current_snapshot();
    one xid8;
BEGIN
    IF (SELECT l.xid FROM forge_change_log AS l WHERE l.xid >= above AND l.xid < pg_snapshot_xmax(seen)
        ORDER BY l.xid LIMIT 1) IS NOT NULL
    THEN
        RETURN true;
    END IF;
    FOREACH one IN ARRAY running LOOP
        IF pg_visible_in_snapshot(one, seen) AND EXISTS (SELECT FROM forge_change_log AS l WHERE l.xid = one) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$function$;

-- When the latest row of a slot was written; null if there is none. The last 1,000 by seq have it among them: two sessions
-- that draw a seq each look at the clock a moment later.
CREATE FUNCTION forge_change_youngest(slot integer) RETURNS timestamptz
    LANGUAGE plpgsql SET search_path FROM CURRENT
AS $function$
DECLARE
    youngest timestamptz;
BEGIN
    EXECUTE format('SELECT max(l.created_at) FROM (SELECT created_at FROM forge_change_log_%s ORDER BY seq DESC LIMIT 1000) AS l', slot)
    INTO youngest;
    RETURN youngest;
END
$function$;

-- Whether a slot has rows that a snapshot does not see. By its index, as in forge_change_news: with no statistics a million
-- rows are looked through otherwise.
CREATE FUNCTION forge_change_unseen(slot integer, seen pg_snapshot) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT
    SET enable_seqscan = off SET enable_bitmapscan = off
AS $function$
DECLARE
    unseen boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM forge_change_log_%1$s AS l WHERE l.xid >= $1)'
        ' OR EXISTS (SELECT FROM forge_change_log_%1$s AS l WHERE l.xid = ANY ($2))', slot)
    INTO unseen USING pg_snapshot_xmax(seen), ARRAY(SELECT pg_snapshot_xip(seen));
    RETURN unseen;
END
$function$;

-- Empties at most one slot: one whose rows are all older than before, which every consumer that holds has passed, with at
-- least keep rows in the others; and moves the writers on to an empty slot, when theirs is as old or its first row is older
-- than turn_after. With a grace, a slot is emptied only if a snapshot of so long ago saw all of its rows. Returns how many
-- rows went at most, by their numbers, or null where there was nothing to do, or nobody could: then refused says why.
CREATE FUNCTION forge_trim_changes(before timestamptz, keep bigint, turn_after interval, grace interval,
                                   OUT trimmed bigint, OUT refused text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '200ms'
AS $function$
DECLARE
    writing integer := (SELECT s.last_value FROM forge_change_slot AS s);
    victim integer;
    free integer;
    youngest timestamptz;
    oldest timestamptz;
    settled_then pg_snapshot;
    holder text;
    highest xid8;
BEGIN
    -- What commits before a lock is had must be seen behind it.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_transaction_state', MESSAGE = 'the log is trimmed in READ COMMITTED only';
    ELSIF NOT pg_try_advisory_xact_lock(77306496745497) THEN
        refused := 'another trim is at work, or a consumer is just being made';
        RETURN;
    ELSIF NOT pg_try_advisory_xact_lock(77306496745498) THEN
        refused := 'a table is being copied by someone who will follow it';
        RETURN;
    END IF;
    DELETE FROM forge_change_consumers AS c WHERE c.name IN (
        SELECT e.name FROM forge_change_consumers AS e WHERE e.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED);
    UPDATE forge_change_control AS c
    SET settled = c.settling, settling = pg_current_snapshot(), settling_since = clock_timestamp()
    WHERE grace > interval '0' AND c.settling_since < clock_timestamp() - grace;

    SELECT i.n INTO free FROM generate_series(1, 7) AS g (n), LATERAL (SELECT (writing + g.n) % 8 AS n) AS i
    WHERE pg_relation_size(('forge_change_log_' || i.n)::regclass) = 0 ORDER BY g.n LIMIT 1;
    youngest := forge_change_youngest(writing);
    EXECUTE format('SELECT created_at FROM forge_change_log_%s ORDER BY seq LIMIT 1', writing) INTO oldest;
    IF free IS NOT NULL AND (youngest < before OR oldest < clock_timestamp() - turn_after) THEN
        PERFORM setval('forge_change_slot', free);
        writing := free;
    END IF;

    FOR victim IN SELECT (writing + g.n) % 8 FROM generate_series(1, 7) AS g (n) LOOP
        CONTINUE WHEN pg_relation_size(('forge_change_log_' || victim)::regclass) = 0;
        youngest := forge_change_youngest(victim);
        CONTINUE WHEN youngest >= before;
        CONTINUE WHEN youngest IS NOT NULL AND keep > (
            SELECT coalesce(sum(coalesce(cardinality(others.row_ids), 1)), 0)
            FROM (SELECT l.row_ids FROM forge_change_log AS l WHERE l.slot <> victim LIMIT keep) AS others);
        BEGIN
            EXECUTE format('LOCK TABLE ONLY forge_change_log_%s IN ACCESS EXCLUSIVE MODE NOWAIT', victim);
            -- Nobody has an open transaction with rows in there now, and a late writer may have brought some until now.
            youngest := forge_change_youngest(victim);
            CONTINUE WHEN youngest >= before;
            settled_then := CASE WHEN grace > interval '0' THEN (SELECT c.settled FROM forge_change_control AS c) ELSE pg_current_snapshot() END;
            SELECT h.name INTO holder
            FROM (SELECT NULL AS name, settled_then AS seen
                  UNION ALL
                  SELECT c.name, c.seen FROM forge_change_consumers AS c
                  WHERE c.holds AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())) AS h
            WHERE forge_change_unseen(victim, h.seen) LIMIT 1;
            IF FOUND THEN
                refused := coalesce('consumer ' || quote_ident(holder) || ' has not passed slot ' || victim,
                                    'slot ' || victim || ' has rows that were committed a moment ago');
                CONTINUE;
            END IF;
            EXECUTE format('SELECT max(l.xid), max(l.seq) - (SELECT f.seq - coalesce(cardinality(f.row_ids), 1)'
                ' FROM forge_change_log_%1$s AS f ORDER BY f.seq LIMIT 1) FROM forge_change_log_%1$s AS l', victim) INTO highest, trimmed;
            UPDATE forge_change_control AS c SET trims = c.trims + 1, trimmed = settled_then,
                trimmed_xid = greatest(c.trimmed_xid, highest);
            EXECUTE format('TRUNCATE ONLY forge_change_log_%s', victim);
            refused := NULL;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            refused := 'slot ' || victim || ' is in use by ' || coalesce((
                SELECT string_agg(format('pid %s (%s, %s)', l.pid, coalesce(a.application_name, 'prepared transaction'), l.mode), ', ')
                FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
                WHERE l.relation = ('forge_change_log_' || victim)::regclass AND l.pid IS DISTINCT FROM pg_backend_pid()), 'someone who has just left');
        END;
    END LOOP;
END
$function$;

-- They write: who may call them is said in grants.sql.
REVOKE ALL ON FUNCTION forge_enable_reactivity(regclass, text, boolean), forge_disable_reactivity(regclass),
    forge_trim_changes(timestamptz, bigint, interval, interval) FROM PUBLIC;
