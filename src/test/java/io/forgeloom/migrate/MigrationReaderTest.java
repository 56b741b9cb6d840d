package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationFileException.Problem;
import io.forgeloom.migrate.MigrationName.Owner;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a migration file says, and each way in which a list of them can be wrong. */
class MigrationReaderTest {

    private static List<MigrationFile> read(Map<String, String> texts) {
        return MigrationReader.read(MigrationSource.list(texts), Owner.USER);
    }

    private static MigrationFile one(String text) {
        return read(Map.of("0001_a.sql", text)).getFirst();
    }

    private static List<String> problems(Map<String, String> texts) {
        return assertThrows(MigrationFileException.class, () -> read(texts)).problems().stream()
                .map(Problem::toString)
                .toList();
    }

    private static String problem(String text) {
        return String.join("\n", problems(Map.of("0001_a.sql", text)));
    }

    @Test
    void filesComeInTheOrderOfTheirNumbers() {
        List<MigrationFile> files = read(
                Map.of("0002_b.sql", "SELECT 2; SELECT 3", "0001_a-B_c.sql", "SELECT 1", "0003_c.sql", "SELECT 4"));
        assertEquals(
                List.of("0001_a-B_c", "0002_b", "0003_c"),
                files.stream().map(MigrationFile::version).toList());
        assertEquals(List.of(1, 2, 3), files.stream().map(MigrationFile::number).toList());
        assertEquals(
                List.of(new SqlStatement("SELECT 2", 1), new SqlStatement("SELECT 3", 1)),
                files.get(1).statements());
        assertEquals(List.of(), read(Map.of()));
    }

    @Test
    void ourOwnFilesAreNamedAfterTheirNumberAlone() {
        MigrationSource source = MigrationSource.list(Map.of("__forge_v001_leaders.sql", "SELECT 1"));
        assertEquals(
                "__forge_v001",
                MigrationReader.read(source, Owner.SYSTEM).getFirst().version());
        assertThrows(MigrationFileException.class, () -> MigrationReader.read(source, Owner.USER));
    }

    @Test
    void everyFaultOfTheNumbersIsToldAtOnce() {
        assertEquals(
                List.of(
                        "0001_a b.sql: not a name of a migration, which is like 0001_create_users.sql, up to 255 characters",
                        "0001_b.sql: number 1 is taken by 0001_a.sql",
                        "004_d.sql: its number has 3 digits, and that of 0001_a.sql has 4",
                        "004_d.sql: number 3 is missing before it; numbers have no gaps",
                        "0002_c.sql: holds no statement"),
                problems(Map.of(
                        "0001_a.sql", "SELECT 1",
                        "0001_b.sql", "SELECT 1",
                        "0002_c.sql", "-- nothing\n/* at all */ ;",
                        "004_d.sql", "SELECT 1",
                        "0001_a b.sql", "SELECT 1")));
        assertEquals(
                List.of("0002_a.sql: number 1 is missing before it; numbers have no gaps"),
                problems(Map.of("0002_a.sql", "SELECT 1")));
        assertEquals(List.of("0000_a.sql: numbers begin at 1"), problems(Map.of("0000_a.sql", "SELECT 1")));
    }

    @Test
    void namesThatAreNone() {
        for (String name : List.of(
                "a.sql",
                "0001.sql",
                "0001_.sql",
                "0001_a.SQL",
                "0001_a",
                "x0001_a.sql",
                "0001_é.sql",
                "0000000001_a.sql",
                "__forge_v001_a.sql",
                "0001_" + "a".repeat(251) + ".sql")) {
            assertTrue(problems(Map.of(name, "SELECT 1")).getFirst().startsWith(name + ": not a name"), name);
        }
        assertEquals(
                255,
                read(Map.of("0001_" + "a".repeat(250) + ".sql", "SELECT 1"))
                        .getFirst()
                        .version()
                        .length());
    }

    @Test
    void faultsOfTheTextNameFileAndLine() {
        assertEquals("0001_a.sql: holds no statement", problem(""));
        assertTrue(problem("SELECT 1;\nCOMMIT;").startsWith("0001_a.sql:2: COMMIT has no place"));
        assertTrue(problem("\r\n\r\n\\d").startsWith("0001_a.sql:3: \"\\d\""));
        assertTrue(problem("SELECT '\uD83D'").startsWith("0001_a.sql:1: the text holds half"));
    }

    @Test
    void theHeaderDecidesAboutTheTransaction() {
        assertEquals(true, one("SELECT 1").transactional());
        for (String no : List.of("false", "FALSE", "= no", "=0", "\tfalse \r")) {
            assertEquals(
                    false,
                    one("-- words\n\n--@transactional " + no + "\nSELECT 1").transactional(),
                    no);
        }
        assertEquals(true, one("-- @up\n-- @transactional true\nSELECT 1").transactional());
        assertEquals(true, one("-- transactional false\nSELECT 1").transactional());
        assertEquals(true, one("SELECT 1 -- @transactional false").transactional());
        assertEquals(true, one("SELECT 1;\n-- @transactional false\n").transactional());
        assertTrue(
                problem("--\n-- @transactional off\nSELECT 1").startsWith("0001_a.sql:2: @transactional is true or"));
        assertTrue(problem("-- @transactional false\n-- @transactional true\nSELECT 1")
                .startsWith("0001_a.sql:2: @transactional stands here for the second"));
    }

    @Test
    void aFileWithoutATransactionHasOneStatement() {
        assertEquals(1, one("-- @transactional false\nVACUUM;").statements().size());
        assertTrue(
                problem("-- @transactional false\nVACUUM;\n\nVACUUM").startsWith("0001_a.sql:4: a second statement"));
    }

    @Test
    void aPartThatUndoesIsRefused() {
        for (String mark : List.of("-- @down", "--@DOWN", "  -- +goose Down", "-- +migrate Down", "-- migrate:down")) {
            assertTrue(problem("SELECT 1;\n\n" + mark + "\nSELECT 2").startsWith("0001_a.sql:3: a part that"), mark);
        }
        assertEquals(1, one("-- @downtime none\nSELECT 1").statements().size());
    }

    @Test
    void theChecksumIsOfTheTextWithoutMarkAndCarriageReturns(@TempDir Path folder) throws Exception {
        String checksum = one("SELECT 1;\nSELECT 2;\n").checksum();
        // printf 'SELECT 1;\nSELECT 2;\n' | sha256sum
        assertEquals("82efb67f3010c6eb7ead02e4f6d9550633dbc1407f99aa487468e7b2567aebbc", checksum);
        assertEquals(checksum, one("\uFEFFSELECT 1;\r\nSELECT 2;\r\n").checksum());
        Files.writeString(folder.resolve("0001_a.sql"), "\uFEFFSELECT 1;\r\nSELECT 2;\r\n");
        assertEquals(checksum, inFolder(folder).getFirst().checksum());
        assertNotEquals(checksum, one("SELECT 1;SELECT 2;\n").checksum());
        assertNotEquals(checksum, one("SELECT 1;\rSELECT 2;\r").checksum());
        assertNotEquals(checksum, one("SELECT 1;\nSELECT 2;").checksum());
    }

    /** Otherwise one checksum would stand for two effects. */
    @Test
    void whatRunsIsTheNormalForm() {
        assertEquals(
                "SELECT 'a\nb'",
                one("\uFEFFSELECT 'a\r\nb'").statements().getFirst().text());
    }

    @Test
    void whatIsNotUtf8IsRefusedWithItsLine(@TempDir Path folder) throws Exception {
        Files.write(folder.resolve("0001_a.sql"), "SELECT 1;\n-- é".getBytes(StandardCharsets.ISO_8859_1));
        Files.write(folder.resolve("0002_b.sql"), "SELECT 1".getBytes(StandardCharsets.UTF_16));
        Files.write(folder.resolve("0003_c.sql"), new byte[] {'-', '-', (byte) 0xe2, (byte) 0x82});
        Files.writeString(folder.resolve("0004_d.sql"), "SELECT\n\0");
        String message = String.valueOf(assertThrows(MigrationFileException.class, () -> inFolder(folder))
                .getMessage());
        assertTrue(message.contains("0001_a.sql:2: not UTF-8: byte 0xe9 at offset 13"), message);
        assertTrue(message.contains("0002_b.sql:1: not UTF-8: byte 0xfe at offset 0"), message);
        assertTrue(message.contains("0003_c.sql:1: not UTF-8: byte 0xe2 at offset 2"), message);
        assertTrue(message.contains("0004_d.sql:2: a NUL byte"), message);
    }

    private static List<MigrationFile> inFolder(Path folder) {
        return MigrationReader.read(MigrationSource.directory(folder), Owner.USER);
    }
}
