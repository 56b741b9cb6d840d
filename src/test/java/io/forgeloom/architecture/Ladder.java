package io.forgeloom.architecture;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The packages and their rungs, as the block {@code ladder} of ARCHITECTURE.md draws them, and the judgement over what the
 * packages import.
 *
 * <p>A line is {@code <rung> <package> [<package>…] [(remark)]}; a package is written without its prefix
 * {@code io.forgeloom.}, but the root package is written in full.
 */
record Ladder(Map<String, Integer> rungs) {
    static final String ROOT = "io.forgeloom";

    private static final Pattern BLOCK = Pattern.compile("(?ms)^```ladder\\R(.*?)^```\\s*$");
    private static final Pattern LINE = Pattern.compile("(\\d+)\\s+([\\w.]+(?:\\s+[\\w.]+)*)\\s*(?:\\(.*\\))?\\s*");

    /** Summary lines of jdeps look alike, but begin at the margin. */
    private static final Pattern EDGE = Pattern.compile("\\s+(\\S+)\\s+->\\s+(\\S+)\\s+.*");

    /** Libraries that one package alone may import: the prefix of the library's packages, and that package. */
    private static final Map<String, String> GUARDED =
            Map.of("org.postgresql", ROOT + ".internal.pg", "picocli", ROOT + ".cli");

    static Ladder parse(String markdown) {
        Matcher block = BLOCK.matcher(markdown);
        if (!block.find()) {
            throw new IllegalArgumentException("there is no block ```ladder");
        }
        Map<String, Integer> rungs = new LinkedHashMap<>();
        for (String line :
                block.group(1).lines().filter(text -> !text.isBlank()).toList()) {
            Matcher parts = LINE.matcher(line);
            if (!parts.matches()) {
                throw new IllegalArgumentException("not a rung: " + line);
            }
            for (String name : parts.group(2).split("\\s+")) {
                String full = name.equals(ROOT) ? name : ROOT + "." + name;
                if (rungs.put(full, Integer.valueOf(parts.group(1))) != null) {
                    throw new IllegalArgumentException(full + " is on the ladder twice");
                }
            }
        }
        return new Ladder(rungs);
    }

    /** What is wrong with these imports, a sentence each, in the order of the packages; nothing if all is well. */
    List<String> violations(Map<String, Set<String>> imports) {
        List<String> violations = new ArrayList<>();
        for (var entry : new TreeMap<>(imports).entrySet()) {
            String importer = entry.getKey();
            Integer rung = rungs.get(importer);
            if (rung == null) {
                violations.add(importer + " is not on the ladder");
                continue;
            }
            for (String imported : new TreeSet<>(entry.getValue())) {
                if (!imported.equals(importer)) {
                    judge(importer, rung, imported, violations);
                }
            }
        }
        return violations;
    }

    private void judge(String importer, int rung, String imported, List<String> violations) {
        if (isIn(imported, ROOT)) {
            Integer target = rungs.get(imported);
            if (target == null) {
                violations.add(importer + " imports " + imported + ", which is not on the ladder");
            } else if (target >= rung) {
                violations.add("%s (rung %d) imports %s (rung %d)".formatted(importer, rung, imported, target));
            }
        }
        GUARDED.forEach((library, only) -> {
            if (isIn(imported, library) && !importer.equals(only)) {
                violations.add(importer + " imports " + imported + ", which only " + only + " may");
            }
        });
    }

    private static boolean isIn(String name, String prefix) {
        return name.equals(prefix) || name.startsWith(prefix + ".");
    }

    /** Reads what {@code jdeps -verbose:package} prints: {@code <package> -> <package> <where it is>}, a pair a line. */
    static Map<String, Set<String>> importsFrom(String jdepsOutput) {
        Map<String, Set<String>> imports = new TreeMap<>();
        for (String line : jdepsOutput.lines().toList()) {
            Matcher edge = EDGE.matcher(line);
            if (edge.matches()) {
                imports.computeIfAbsent(edge.group(1), name -> new TreeSet<>()).add(edge.group(2));
            }
        }
        return imports;
    }
}
