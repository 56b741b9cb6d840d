package io.forgeloom.migrate;

import java.util.List;

/** The kinds of {@link MigrationSource}. */
sealed interface FileSource permits DirectorySource, ModuleSource, ClassPathSource, IndexSource, ListSource {

    /**
     * The files that are meant as migrations, in no order.
     *
     * @throws MigrationFileException if the source cannot be read
     */
    List<SourceFile> files();

    /** Without the slashes around it, which resources' names do not have. */
    static String trimmed(String folder) {
        String trimmed = folder.replaceAll("^/+|/+$", "");
        if (trimmed.isEmpty()) {
            throw new IllegalArgumentException("the folder of the migrations has no name");
        }
        return trimmed;
    }
}
