package io.forgeloom.migrate;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Where a list of migrations lies. Read anew each time; folders below the one named are not looked into. */
sealed interface MigrationSource permits DirectorySource, ModuleSource, ClassPathSource, IndexSource, ListSource {

    /**
     * The files that are meant as migrations, in no order.
     *
     * @throws MigrationFileException if the source cannot be read
     */
    List<SourceFile> files();

    /** A directory. One that is empty is a source without migrations; one that is missing is an error. */
    static MigrationSource directory(Path directory) {
        return new DirectorySource(directory);
    }

    /**
     * A folder of resources beside a class: of its module if that has a name, else of the class path that the class came
     * from. The module need not open the folder.
     *
     * @param folder with {@code /} between its parts, from the root: {@code com/example/migrations}
     */
    static MigrationSource resources(Class<?> anchor, String folder) {
        Module module = anchor.getModule();
        if (module.isNamed()) {
            return new ModuleSource(module, folder);
        }
        ClassLoader loader = anchor.getClassLoader();
        return new ClassPathSource(loader == null ? ClassLoader.getSystemClassLoader() : loader, folder);
    }

    /** Texts that the program holds, by the file names that they would have. */
    static MigrationSource list(Map<String, String> texts) {
        return new ListSource(texts);
    }

    /** Without the slashes around it, which resources' names do not have. */
    static String trimmed(String folder) {
        String trimmed = folder.replaceAll("^/+|/+$", "");
        if (trimmed.isEmpty()) {
            throw new IllegalArgumentException("the folder of the migrations has no name");
        }
        return trimmed;
    }
}
