package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationFileException.Problem;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The files of one directory. */
record DirectorySource(Path directory) implements FileSource {

    @Override
    public List<SourceFile> files() {
        List<Path> paths = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                if (SourceFile.isMeant(String.valueOf(entry.getFileName()))) {
                    paths.add(entry);
                }
            }
        } catch (IOException e) {
            throw unreadable(directory, e);
        } catch (DirectoryIteratorException e) {
            throw unreadable(directory, new IOException(e.getMessage(), e));
        }
        List<SourceFile> files = new ArrayList<>();
        for (Path path : paths) {
            try {
                // Reads the target of a link, and fails on a directory that has a file's name.
                files.add(SourceFile.ofBytes(
                        String.valueOf(path.getFileName()), path.toString(), Files.readAllBytes(path)));
            } catch (IOException e) {
                throw unreadable(path, e);
            }
        }
        return files;
    }

    private static MigrationFileException unreadable(Path path, IOException cause) {
        String problem = switch (cause) {
            case NoSuchFileException e -> "there is no such file or directory";
            case NotDirectoryException e -> "is not a directory";
            case AccessDeniedException e -> "may not be read by this process";
            default -> "cannot be read: " + cause.getMessage();
        };
        return new MigrationFileException(List.of(new Problem(path.toString(), 0, problem)), cause);
    }
}
