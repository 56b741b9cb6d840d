package io.forgeloom.migrate;

import java.util.List;
import java.util.Map;

/** Texts in the program, by name. */
record ListSource(Map<String, String> texts) implements FileSource {

    ListSource {
        texts = Map.copyOf(texts);
    }

    @Override
    public List<SourceFile> files() {
        return texts.entrySet().stream()
                .map(text -> SourceFile.ofText(text.getKey(), text.getValue()))
                .toList();
    }
}
