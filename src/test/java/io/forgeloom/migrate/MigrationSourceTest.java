package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationName.Owner;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same migrations are found wherever they lie, and nothing is taken for them that is not meant. */
class MigrationSourceTest {

    private static final List<String> EXPECTED = List.of("0001_first SELECT 1", "0002_second SELECT 'é'");

    @TempDir
    private Path folder;

    private static List<String> read(MigrationSource source) {
        return MigrationReader.read(source, Owner.USER).stream()
                .map(file -> file.version() + " " + file.statements().getFirst().text())
                .toList();
    }

    private static String failure(MigrationSource source) {
        return String.valueOf(
                assertThrows(MigrationFileException.class, source::files).getMessage());
    }

    /** Two migrations, and beside them what is none. */
    private static void fill(Path directory) throws Exception {
        Files.createDirectories(directory.resolve("below"));
        Files.writeString(directory.resolve("0001_first.sql"), "SELECT 1;");
        Files.writeString(directory.resolve("0002_second.sql"), "SELECT 'é';");
        Files.writeString(directory.resolve("README.md"), "words");
        Files.writeString(directory.resolve("0002_second.sql~"), "SELECT 'old';");
        Files.writeString(directory.resolve(".hidden.sql"), "SELECT 'hidden';");
        Files.writeString(directory.resolve("below/0003_third.sql"), "SELECT 3;");
    }

    @Test
    void aDirectory() throws Exception {
        fill(folder);
        assertEquals(EXPECTED, read(MigrationSource.directory(folder)));
        // As a mounted configuration map has them.
        Path links = Files.createDirectory(folder.resolve("links"));
        Files.createSymbolicLink(links.resolve("0001_first.sql"), folder.resolve("0001_first.sql"));
        assertEquals(EXPECTED.subList(0, 1), read(MigrationSource.directory(links)));
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertEquals(List.of(), read(MigrationSource.directory(empty)));
    }

    @Test
    void aDirectoryThatCannotBeRead() throws Exception {
        Path missing = folder.resolve("missing");
        assertEquals(missing + ": there is no such file or directory", failure(MigrationSource.directory(missing)));
        Path file = Files.writeString(folder.resolve("file"), "");
        assertEquals(file + ": is not a directory", failure(MigrationSource.directory(file)));
        Path link = Files.createSymbolicLink(folder.resolve("0001_a.sql"), missing);
        assertEquals(link + ": there is no such file or directory", failure(MigrationSource.directory(folder)));
        Files.delete(link);
        Files.createDirectory(link);
        assertTrue(failure(MigrationSource.directory(folder)).startsWith(link + ": cannot be read: "));
    }

    @Test
    void aFolderOfOurModule() {
        assertEquals(true, getClass().getModule().isNamed());
        assertEquals(
                List.of("0001_first SELECT 1"),
                read(MigrationSource.resources(getClass(), "io/forgeloom/migrate/reading/")));
        String missing = failure(MigrationSource.resources(getClass(), "io/forgeloom/migrate/nothing"));
        assertEquals("io.forgeloom/io/forgeloom/migrate/nothing: the module has no such folder", missing);
    }

    @Test
    void aFolderOfTheClassPath() throws Exception {
        fill(Files.createDirectories(folder.resolve("db/migrations")));
        try (URLClassLoader loader = loader(folder)) {
            assertEquals(EXPECTED, read(new MigrationSource(new ClassPathSource(loader, "/db/migrations/"))));
            assertEquals(
                    "class path: db/other: the class path has no such folder, or its jar has no entry for it",
                    failure(new MigrationSource(new ClassPathSource(loader, "db/other"))));
        }
    }

    @Test
    void aFolderInAJar() throws Exception {
        Path jar = folder.resolve("with space.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream entries = new JarOutputStream(out)) {
            for (String name : List.of("db/", "db/migrations/", "db/migrations/below/")) {
                entries.putNextEntry(new JarEntry(name));
            }
            put(entries, "db/migrations/0002_second.sql", "SELECT 'é';");
            put(entries, "db/migrations/0001_first.sql", "SELECT 1;");
            put(entries, "db/migrations/README.md", "words");
            put(entries, "db/migrations/below/0003_third.sql", "SELECT 3;");
            put(entries, "db/migrations2/0003_third.sql", "SELECT 3;");
        }
        try (URLClassLoader loader = loader(jar)) {
            MigrationSource source = new MigrationSource(new ClassPathSource(loader, "db/migrations"));
            assertEquals(EXPECTED, read(source));
            // Nothing of the jar is left open, or closed under the loader's hands.
            assertEquals(EXPECTED, read(source));
            assertTrue(source.files().getFirst().origin().endsWith("with%20space.jar!/db/migrations/0002_second.sql"));
        }
    }

    @Test
    void aFolderWithoutANameIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> MigrationSource.resources(getClass(), "/"));
    }

    private static URLClassLoader loader(Path place) throws Exception {
        return new URLClassLoader(new URL[] {place.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
    }

    private static void put(JarOutputStream entries, String name, String text) throws Exception {
        entries.putNextEntry(new JarEntry(name));
        entries.write(text.getBytes(StandardCharsets.UTF_8));
    }
}
