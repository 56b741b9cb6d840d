package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationFileException.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * A folder of the class path: the files of all directories and jars that have it, together.
 *
 * <p>A jar tells of a folder only if it has an entry for it; every build tool writes one, but not every tool that
 * repacks. Such a jar is an error here, and not a source without migrations.
 */
record ClassPathSource(ClassLoader loader, String folder) implements FileSource {

    ClassPathSource {
        folder = FileSource.trimmed(folder);
    }

    @Override
    public List<SourceFile> files() {
        List<SourceFile> files = new ArrayList<>();
        try {
            List<URL> places = Collections.list(loader.getResources(folder));
            if (places.isEmpty()) {
                throw problem("the class path has no such folder, or its jar has no entry for it", null);
            }
            for (URL place : places) {
                if (place.getProtocol().equals("file")) {
                    files.addAll(new DirectorySource(Path.of(place.toURI())).files());
                } else {
                    addFromJar(place, files);
                }
            }
        } catch (IOException | URISyntaxException e) {
            throw problem("cannot be read: " + e.getMessage(), e);
        }
        return files;
    }

    private void addFromJar(URL place, List<SourceFile> files) throws IOException {
        URLConnection connection = place.openConnection();
        if (!(connection instanceof JarURLConnection inJar)) {
            throw new IOException(place + " is neither in a directory nor in a jar");
        }
        // A cached jar file would be shared, and closed under another reader's hands.
        inJar.setUseCaches(false);
        try (JarFile jar = inJar.getJarFile()) {
            String entryName = String.valueOf(inJar.getEntryName());
            String prefix = entryName.endsWith("/") ? entryName : entryName + "/";
            for (JarEntry entry : Collections.list(jar.entries())) {
                String name = entry.getName();
                if (!name.startsWith(prefix) || name.indexOf('/', prefix.length()) >= 0) {
                    continue;
                }
                String file = name.substring(prefix.length());
                if (SourceFile.isMeant(file)) {
                    try (InputStream content = jar.getInputStream(entry)) {
                        files.add(
                                SourceFile.ofBytes(file, inJar.getJarFileURL() + "!/" + name, content.readAllBytes()));
                    }
                }
            }
        }
    }

    private MigrationFileException problem(String text, @Nullable Exception cause) {
        return new MigrationFileException(List.of(new Problem("class path: " + folder, 0, text)), cause);
    }
}
