package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is wrong with the files is told with file and line, and nothing is applied. */
@WithDatabase(expectNoConnections = true)
class MigrateBadInputTest {

    @TempDir
    Path directory;

    private Path write(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    private ForgeRun refused(TestDatabase database) {
        ForgeRun run = ForgeRun.of("migrate", "--url", database.url(), "--dir", directory.toString());
        assertEquals(1, run.exitCode(), run.out() + run.err());
        assertEquals("", run.out());
        return run;
    }

    private static void assertSays(ForgeRun run, Path file, int line, String problem) {
        String wanted = file + (line > 0 ? ":" + line : "") + ": " + problem;
        assertTrue(run.err().contains(wanted), wanted + "\nis not in\n" + run.err());
    }

    /** The runner's own table included. */
    @AfterEach
    void nothingIsApplied(TestDatabase database) throws SQLException {
        assertEquals(
                "0",
                database.query("SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384)"
                        + " + (SELECT count(*) FROM pg_proc WHERE oid >= 16384)"));
    }

    @Test
    void allProblemsAreListedAtOnce(TestDatabase database) throws Exception {
        write("0001_good.sql", "CREATE TABLE good ()");
        Path twice = write("0001_other.sql", "SELECT 1");
        Path gap = write("0003_gap.sql", "SELECT 1");
        Path width = write("004_width.sql", "SELECT 1");
        Path empty = write("0005_empty.sql", "-- nothing\n\n/* at all */");
        Path copy = write("0006_copy.sql", "SELECT 1;\n\nCOPY good FROM stdin;\n1\n\\.\n");
        Path psql = write("0007_psql.sql", "SELECT 1;\n\\i other.sql\n");
        Path commit = write("0008_commit.sql", "SELECT 1;\nSELECT 2;\nCOMMIT;\n");
        Path nul = write("0009_nul.sql", "SELECT 1;\nSELECT '\0';\n");
        Path latin = directory.resolve("0010_latin.sql");
        Files.write(latin, "SELECT 1;\nSELECT 'ä';\n".getBytes(StandardCharsets.ISO_8859_1));
        Path nameless = write("readme.sql", "SELECT 1");
        ForgeRun run = refused(database);
        assertSays(run, twice, 0, "number 1 is taken by ");
        assertSays(run, gap, 0, "number 2 is missing before it");
        assertSays(run, width, 0, "its number has 3 digits");
        assertSays(run, empty, 0, "holds no statement");
        assertSays(run, copy, 3, "COPY with the client (STDIN) has no place");
        assertSays(run, psql, 2, "\"\\i\" is a command of psql");
        assertSays(run, commit, 3, "COMMIT has no place in a migration");
        assertSays(run, nul, 2, "a NUL byte");
        assertSays(run, latin, 2, "not UTF-8: byte 0xe4");
        assertSays(run, nameless, 0, "not a name of a migration");
        assertTrue(run.err().startsWith("forge: nothing was applied:"), run.err());
    }

    @Test
    void directoryThatCannotBeReadIsNamed(TestDatabase database) throws Exception {
        Path missing = directory.resolve("missing");
        Path file = write("file", "");
        for (Path path : new Path[] {missing, file}) {
            ForgeRun run = ForgeRun.of("migrate", "--url", database.url(), "--dir", path.toString());
            assertEquals(1, run.exitCode());
            assertTrue(run.err().startsWith("forge: nothing was applied:"), run.err());
            assertSays(run, path, 0, "");
        }
        // A directory where a file should be: even root cannot read that.
        Path folder = Files.createDirectory(directory.resolve("0001_folder.sql"));
        assertSays(refused(database), folder, 0, "cannot be read");
    }
}
