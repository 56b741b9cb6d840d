package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationName.Owner;
import io.forgeloom.testing.SystemSchemaFiles;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The files of the system schema and their index, without a server. */
class SystemSchemaTest {

    private static final Path RESOURCES = Path.of("src/main/resources");

    @Test
    void theIndexNamesEveryFileAndEveryFileIsInTheIndex() throws Exception {
        List<String> files;
        try (Stream<Path> all = Files.walk(RESOURCES)) {
            // Also one whose name is nearly right.
            files = all.filter(file -> file.getFileName().toString().startsWith("__"))
                    .map(file -> RESOURCES.relativize(file).toString().replace('\\', '/'))
                    .sorted((a, b) -> name(a).compareTo(name(b)))
                    .toList();
        }
        assertFalse(files.isEmpty());
        assertEquals(files, SystemSchemaFiles.index());
    }

    @Test
    void numbersBeginAtOneWithoutAGapAndAllFilesAreReadable() {
        List<MigrationFile> files = MigrationReader.read(SystemSchema.source(), Owner.SYSTEM);
        assertEquals(
                IntStream.rangeClosed(1, files.size()).boxed().toList(),
                files.stream().map(MigrationFile::number).toList());
        assertEquals("__forge_v001", files.getFirst().version());
        assertEquals(
                "io/forgeloom/database/__forge_v001_identifier.sql",
                files.getFirst().file());
        assertTrue(
                files.stream().allMatch(MigrationFile::transactional), "the first start would not be all or nothing");
    }

    @Test
    void eachFileHasALowerSnakeNameAndLiesBesideItsOwner() throws Exception {
        for (String path : SystemSchemaFiles.index()) {
            assertTrue(name(path).matches("__forge_v\\d{3}_[a-z][a-z0-9]*(_[a-z0-9]+)*\\.sql"), path);
            Path owner = Path.of("src/main/java").resolve(path).resolveSibling("package-info.java");
            assertTrue(Files.exists(owner), owner + " is missing: " + path + " has no owner");
        }
    }

    /** A database of another encoding than UTF-8 would refuse what it cannot write. */
    @Test
    void allSqlIsAscii() throws Exception {
        List<String> paths = Stream.concat(
                        SystemSchemaFiles.index().stream(),
                        Stream.of("io/forgeloom/migrate/remove.sql", "io/forgeloom/migrate/grants.sql"))
                .toList();
        for (String path : paths) {
            assertTrue(SystemSchemaFiles.text(path).chars().allMatch(c -> c == '\n' || c >= ' ' && c < 0x7f), path);
        }
    }

    @Test
    void theFilesAreFoundOnTheClassPathToo() throws Exception {
        assertTrue(SystemSchema.class.getModule().isNamed());
        URL classes = SystemSchema.class.getProtectionDomain().getCodeSource().getLocation();
        // The platform's loader would find our module.
        try (URLClassLoader loader = new URLClassLoader(new URL[] {classes}, null)) {
            Method source = loader.loadClass(SystemSchema.class.getName()).getDeclaredMethod("source");
            assertFalse(source.getDeclaringClass().getModule().isNamed());
            source.setAccessible(true);
            Object found = source.invoke(null);
            Method files = found.getClass().getDeclaredMethod("files");
            files.setAccessible(true);
            assertEquals(SystemSchemaFiles.index().size(), ((List<?>) files.invoke(found)).size());
        }
    }

    @Test
    void anIndexThatNamesNothingIsAnErrorWithItsLine() {
        MigrationSource source = new MigrationSource(
                new IndexSource(SystemSchemaTest.class, "io/forgeloom/migrate/index-of-a-missing-file.txt"));
        assertEquals(
                "io/forgeloom/migrate/index-of-a-missing-file.txt:3: there is no resource io/forgeloom/migrate/nothing.sql",
                assertThrows(MigrationFileException.class, source::files).getMessage());
        assertEquals(
                "no/index.txt: there is no resource no/index.txt",
                assertThrows(
                                MigrationFileException.class,
                                () -> new MigrationSource(new IndexSource(SystemSchemaTest.class, "no/index.txt"))
                                        .files())
                        .getMessage());
    }

    private static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }
}
