package io.forgeloom.architecture;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the files under test are. */
final class Repository {
    /** The folder of the pom, from the working directory upwards. */
    static final Path ROOT = find();

    private Repository() {}

    private static Path find() {
        Path start = Path.of("").toAbsolutePath();
        for (Path folder = start; folder != null; folder = folder.getParent()) {
            if (Files.isRegularFile(folder.resolve("pom.xml")) && Files.isDirectory(folder.resolve("src/main/java"))) {
                return folder;
            }
        }
        throw new IllegalStateException("no pom.xml with src/main/java beside it in or above " + start);
    }
}
