package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationFileException.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleReader;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder of a named module: in a jar, a directory or a run-time image. Read through the module's own reader, which
 * alone can list, and which needs no folder to be open.
 */
record ModuleSource(Module module, String folder) implements FileSource {

    ModuleSource {
        folder = FileSource.trimmed(folder);
    }

    @Override
    public List<SourceFile> files() {
        String prefix = folder + "/";
        @Nullable ModuleLayer layer = module.getLayer();
        if (layer == null) {
            throw problem("its module is in no layer, so it cannot be listed", null);
        }
        List<SourceFile> files = new ArrayList<>();
        boolean found = false;
        try (ModuleReader reader = layer.configuration()
                        .findModule(module.getName())
                        .orElseThrow()
                        .reference()
                        .open();
                Stream<String> names = reader.list()) {
            for (String name : (Iterable<String>) names::iterator) {
                boolean inside = name.startsWith(prefix);
                found |= inside;
                if (inside && name.indexOf('/', prefix.length()) < 0) {
                    add(reader, name, name.substring(prefix.length()), files);
                }
            }
        } catch (IOException e) {
            throw problem("cannot be read: " + e.getMessage(), e);
        }
        if (!found) {
            throw problem("the module has no such folder", null);
        }
        return files;
    }

    private void add(ModuleReader reader, String resource, String name, List<SourceFile> files) throws IOException {
        if (!SourceFile.isMeant(name)) {
            return;
        }
        try (InputStream content = reader.open(resource).orElseThrow(() -> new IOException(resource + " is gone"))) {
            files.add(SourceFile.ofBytes(name, module.getName() + "/" + resource, content.readAllBytes()));
        }
    }

    private MigrationFileException problem(String text, @Nullable IOException cause) {
        return new MigrationFileException(List.of(new Problem(module.getName() + "/" + folder, 0, text)), cause);
    }
}
