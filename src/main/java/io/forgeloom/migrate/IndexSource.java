package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationFileException.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The resources that an index names, in whatever folders they lie: a path a line, from the root; lines that are blank or
 * begin with {@code #} do not count. Nothing is listed, so it works in a module, in a folder and in a jar that was
 * repacked alike. All resources must be of this module.
 */
record IndexSource(Class<?> anchor, String index) implements FileSource {

    @Override
    public List<SourceFile> files() {
        List<SourceFile> files = new ArrayList<>();
        int number = 0;
        for (String line : (Iterable<String>) new String(read(index, 0), StandardCharsets.UTF_8).lines()::iterator) {
            number++;
            String path = line.strip();
            if (!path.isEmpty() && !path.startsWith("#")) {
                files.add(SourceFile.ofBytes(path.substring(path.lastIndexOf('/') + 1), path, read(path, number)));
            }
        }
        return files;
    }

    private byte[] read(String path, int line) {
        try (InputStream content = anchor.getResourceAsStream("/" + path)) {
            if (content == null) {
                throw problem(line, "there is no resource " + path, null);
            }
            return content.readAllBytes();
        } catch (IOException e) {
            throw problem(line, path + " cannot be read: " + e.getMessage(), e);
        }
    }

    private MigrationFileException problem(int line, String text, @Nullable IOException cause) {
        return new MigrationFileException(List.of(new Problem(index, line, text)), cause);
    }
}
