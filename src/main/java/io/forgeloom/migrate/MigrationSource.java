package io.forgeloom.migrate;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Where a list of migrations lies: files that end in {@code .sql}, named like {@code 0001_create_users.sql}. Other files
 * may lie beside them; folders below are not looked into. Read anew for each run. Immutable, safe for use by many threads.
 */
public final class MigrationSource {

    private final FileSource source;

    MigrationSource(FileSource source) {
        this.source = source;
    }

    /** A directory. One that is empty is a source without migrations; one that is missing is an error. */
    public static MigrationSource directory(Path directory) {
        return new MigrationSource(new DirectorySource(directory));
    }

    /**
     * A folder of resources beside a class: of its module if that has a name, else of the class path that the class came
     * from. The module need not open the folder. One that is missing is an error.
     *
     * @param folder with {@code /} between its parts, from the root: {@code com/example/migrations}
     */
    public static MigrationSource resources(Class<?> anchor, String folder) {
        Module module = anchor.getModule();
        if (module.isNamed()) {
            return new MigrationSource(new ModuleSource(module, folder));
        }
        ClassLoader loader = anchor.getClassLoader();
        return new MigrationSource(
                new ClassPathSource(loader == null ? ClassLoader.getSystemClassLoader() : loader, folder));
    }

    /**
     * Texts that the program holds.
     *
     * @param texts by the file names that they would have, {@code .sql} included
     */
    public static MigrationSource list(Map<String, String> texts) {
        return new MigrationSource(new ListSource(texts));
    }

    List<SourceFile> files() {
        return source.files();
    }

    @Override
    public String toString() {
        return source.toString();
    }
}
