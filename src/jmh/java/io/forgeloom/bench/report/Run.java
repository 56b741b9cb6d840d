package io.forgeloom.bench.report;

import java.util.LinkedHashMap;
import java.util.Map;

/** One run of a suite: when, how long, how it ended, and on what. */
record Run(String suite, String command, boolean quick, String date, long seconds, int exit, Map<String, String> on) {

    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("run", suite);
        map.put("command", command);
        map.put("quick", quick);
        map.put("date", date);
        map.put("seconds", seconds);
        map.put("exit", exit);
        map.put("on", on);
        return map;
    }

    static boolean is(Map<?, ?> map) {
        return map.containsKey("run");
    }

    static Run of(Map<?, ?> map) {
        Map<String, String> on = new LinkedHashMap<>();
        if (map.get("on") instanceof Map<?, ?> given) {
            given.forEach((key, value) -> on.put(String.valueOf(key), String.valueOf(value)));
        }
        return new Run(
                Figure.text(map, "run"),
                Figure.text(map, "command"),
                Boolean.TRUE.equals(map.get("quick")),
                Figure.text(map, "date"),
                (long) Figure.number(map, "seconds"),
                (int) Figure.number(map, "exit"),
                on);
    }
}
