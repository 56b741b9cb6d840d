package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.migrate.SimpleQueries.Answer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The splitter and the server agree on generated scripts: the statements are as many as the server's CommandComplete
 * messages, each sent alone gives the same rows and the same tag, and what the server finds without end is refused.
 */
@WithDatabase
@Tag("slow")
class SplitterAgreementTest {

    /** Scripts under way at a time; few enough that neither side's buffers fill while nobody reads. */
    private static final int BATCH = 8;

    /** What must be among the statements that were compared. */
    private static final Set<String> TAGS = Set.of(
            "SELECT",
            "DO",
            "CREATE FUNCTION",
            "CREATE PROCEDURE",
            "CREATE TABLE",
            "CREATE RULE",
            "SAVEPOINT",
            "COMMENT",
            "SET");

    @Test
    @Timeout(60)
    void statementsAreTheServersOnTenThousandScripts(TestDatabase server) throws Exception {
        agree(server, 10_000, new Random().nextLong());
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void statementsAreTheServersOnAHundredThousandScripts(TestDatabase server) throws Exception {
        agree(server, 100_000, new Random().nextLong());
    }

    /** What became of the scripts, so that a run that has compared nothing fails. */
    private static final class Tally {
        private int accepted;
        private int refused;
        private int endless;
        private int statements;
        private final Set<String> tags = new TreeSet<>();
    }

    private static void agree(TestDatabase server, int scripts, long seed) throws Exception {
        assumeTrue(server.password() == null, "the server asks for a password");
        Random random = new Random(seed);
        Tally tally = new Tally();
        long start = System.nanoTime();
        for (boolean standardStrings : new boolean[] {true, false}) {
            RandomScripts source = new RandomScripts(random, standardStrings);
            try (SimpleQueries queries = new SimpleQueries(server)) {
                queries.send(List.of(
                        "SET standard_conforming_strings = " + standardStrings,
                        "SET escape_string_warning = off",
                        // What a string holds is not the splitter's concern.
                        "SET check_function_bodies = off",
                        "SET client_min_messages = error"));
                for (int done = 0; done < scripts / 2; done += BATCH) {
                    List<String> batch = new ArrayList<>();
                    for (int i = 0; i < Math.min(BATCH, scripts / 2 - done); i++) {
                        batch.add(random.nextInt(5) == 0 ? source.broken() : source.valid());
                    }
                    compare(queries, batch, standardStrings, seed, tally);
                }
            }
        }
        System.out.printf(
                "splitter: seed %d, %d scripts, %d accepted with %d statements, %d refused, %d without end, %d ms%n",
                seed,
                scripts,
                tally.accepted,
                tally.statements,
                tally.refused,
                tally.endless,
                (System.nanoTime() - start) / 1_000_000);
        assertTrue(tally.accepted > scripts * 0.6, "too few scripts were accepted: " + tally.accepted);
        assertTrue(tally.tags.containsAll(TAGS), "accepted only " + tally.tags);
        assertTrue(tally.statements > tally.accepted, "too few statements: " + tally.statements);
        assertTrue(tally.endless > scripts / 500, "too few scripts without end: " + tally.endless);
    }

    private static void compare(
            SimpleQueries queries, List<String> scripts, boolean standardStrings, long seed, Tally tally)
            throws Exception {
        List<String> sent = new ArrayList<>();
        List<@Nullable List<SqlStatement>> split = new ArrayList<>();
        for (String script : scripts) {
            @Nullable List<SqlStatement> statements = split(script, standardStrings);
            split.add(statements);
            sent.addAll(List.of("BEGIN", script, "ROLLBACK"));
            if (statements == null) {
                // It may have committed, and what it made would have the later ones refused.
                sent.add("DROP ROUTINE IF EXISTS f(), p(), begin(), begin(int, int)");
            } else {
                sent.add("BEGIN");
                statements.forEach(statement -> sent.add(statement.text()));
                sent.add("ROLLBACK");
            }
        }
        List<Answer> answers = queries.send(sent);
        int at = 0;
        for (int i = 0; i < scripts.size(); i++) {
            String label = "seed " + seed + ", standard strings " + standardStrings + ": <<<" + scripts.get(i) + ">>>";
            Answer whole = answers.get(at + 1);
            at += 3;
            @Nullable List<SqlStatement> statements = split.get(i);
            if (statements == null) {
                at++;
                refusedByBoth(whole, label, tally);
            } else {
                List<Answer> parts = answers.subList(at + 1, at + 1 + statements.size());
                at += statements.size() + 2;
                sameAnswers(whole, parts, label, tally);
            }
        }
    }

    private static @Nullable List<SqlStatement> split(String script, boolean standardStrings) {
        try {
            return SqlSplitter.split(script, standardStrings);
        } catch (ScriptException e) {
            return null;
        }
    }

    private static void refusedByBoth(Answer whole, String label, Tally tally) {
        // The one thing that we refuse and the server does not: what ends the transaction.
        boolean ended = whole.results().stream().anyMatch(result -> result.matches("(?s)(BEGIN|COMMIT|ROLLBACK)\0.*"));
        if (!ended) {
            @Nullable String error = whole.error();
            assertTrue(error != null, label);
            tally.endless += String.valueOf(error).contains("unterminated") ? 1 : 0;
        }
        tally.refused++;
    }

    private static void sameAnswers(Answer whole, List<Answer> parts, String label, Tally tally) {
        List<String> results = new ArrayList<>();
        for (Answer part : parts) {
            results.addAll(part.results());
            if (part.error() != null) {
                break;
            }
        }
        if (whole.error() == null) {
            assertEquals(whole.results().size(), parts.size(), label);
            assertEquals(whole.results(), results, label);
            tally.accepted++;
            tally.statements += parts.size();
            // "SELECT 1" and the like, up to the number and the NUL.
            results.forEach(result -> tally.tags.add(result.split("[\\d\0]", 2)[0].strip()));
        } else {
            assertTrue(!whole.error().contains("unterminated"), label + " " + whole.error());
            // The server parses the whole before it runs a statement: then there is nothing to compare.
            if (!whole.results().isEmpty()) {
                assertEquals(whole.results(), results, label);
            }
            tally.refused++;
        }
    }
}
