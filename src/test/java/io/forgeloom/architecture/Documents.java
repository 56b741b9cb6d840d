package io.forgeloom.architecture;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What can be found in the text of a document or of an example; the rules are {@link DocumentsTest}'s. */
final class Documents {
    private static final Pattern FENCE = Pattern.compile("(?ms)^```(\\w*)[^\\n]*\\n(.*?)^```\\s*$");
    private static final Pattern REGION_START =
            Pattern.compile("//\\s*@start\\s+region\\s*=\\s*[\"']?([\\w.-]+)[\"']?\\s*$");
    private static final Pattern REGION_END = Pattern.compile("//\\s*@end\\b");
    private static final Pattern LINK = Pattern.compile("!?\\[[^\\]]*]\\(([^)\\s]+)[^)]*\\)");
    private static final Pattern INLINE_CODE = Pattern.compile("`[^`\\n]*`");

    /** A root folder that only exists on one machine, unless it is a part of a longer name or of a web address. */
    private static final Pattern LOCAL_PATH = Pattern.compile("(?<![\\w.$}~-])/(work|home|root)/[\\w.]");

    private Documents() {}

    /** The Java fences of a document, their common indentation removed. */
    static List<String> javaFences(String markdown) {
        return FENCE.matcher(markdown)
                .results()
                .filter(fence -> fence.group(1).equals("java"))
                .map(fence -> normalized(fence.group(2)))
                .toList();
    }

    /** The regions of a source file, as javadoc's snippets name them, their common indentation and markers removed. */
    static Map<String, String> regions(String source) {
        Map<String, String> regions = new LinkedHashMap<>();
        Map<String, List<String>> open = new LinkedHashMap<>();
        for (String line : source.lines().toList()) {
            Matcher start = REGION_START.matcher(line);
            if (start.find()) {
                open.put(start.group(1), new ArrayList<>());
            } else if (REGION_END.matcher(line).find()) {
                if (open.isEmpty()) {
                    throw new IllegalArgumentException("an @end without a @start");
                }
                String innermost = List.copyOf(open.keySet()).getLast();
                regions.put(innermost, normalized(String.join("\n", open.remove(innermost))));
            } else {
                open.values().forEach(lines -> lines.add(line));
            }
        }
        if (!open.isEmpty()) {
            throw new IllegalArgumentException("no @end for the regions " + open.keySet());
        }
        return regions;
    }

    /** Without the common indentation, white space at the ends of lines, and empty lines around. */
    private static String normalized(String text) {
        return text.stripIndent()
                .lines()
                .map(String::stripTrailing)
                .collect(Collectors.joining("\n"))
                .strip();
    }

    /** The targets of a document's links that are files of the repository, without their fragments. */
    static List<String> relativeLinks(String markdown) {
        String prose =
                INLINE_CODE.matcher(FENCE.matcher(markdown).replaceAll("")).replaceAll("");
        return LINK.matcher(prose)
                .results()
                .map(link -> link.group(1).replaceFirst("#.*$", ""))
                .filter(target -> !target.isEmpty() && !target.matches("[a-z][a-z0-9+.-]*:.*"))
                .toList();
    }

    /** The lines, with their numbers, that name a folder of somebody's machine. */
    static List<String> localPaths(String text) {
        List<String> lines = text.lines().toList();
        List<String> found = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            if (LOCAL_PATH.matcher(lines.get(i)).find()) {
                found.add(i + 1 + ": " + lines.get(i).strip());
            }
        }
        return found;
    }
}
