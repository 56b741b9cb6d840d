package io.forgeloom.cli;

import io.forgeloom.leader.LeaderEvent;
import io.forgeloom.leader.LeaderRole;

/** What becomes of a role as one line, for eyes or for programs. Immutable. */
final class ElectLine {

    private final boolean json;

    ElectLine(boolean json) {
        this.json = json;
    }

    String standby(LeaderRole role) {
        return json ? object("standby", role).append('}').toString() : "standby";
    }

    String of(LeaderEvent event) {
        return json ? json(event) : text(event);
    }

    private static String text(LeaderEvent event) {
        return switch (event) {
            case LeaderEvent.Elected elected -> "elected term=" + elected.term() + " token=" + elected.token();
            case LeaderEvent.Lost lost -> "lost cause=" + DeliveryLine.visible(lost.cause());
            case LeaderEvent.Resigned resigned -> "resigned";
        };
    }

    private static String json(LeaderEvent event) {
        StringBuilder json = object(
                        switch (event) {
                            case LeaderEvent.Elected elected -> "elected";
                            case LeaderEvent.Lost lost -> "lost";
                            case LeaderEvent.Resigned resigned -> "resigned";
                        },
                        event.role())
                .append(",\"term\":")
                .append(event.token().term())
                .append(",\"token\":\"")
                .append(event.token())
                .append('"');
        if (event instanceof LeaderEvent.Lost lost) {
            json.append(",\"cause\":");
            JsonReport.appendString(json, lost.cause());
        }
        return json.append('}').toString();
    }

    private static StringBuilder object(String type, LeaderRole role) {
        StringBuilder json = new StringBuilder("{\"type\":\"").append(type).append("\",\"role\":");
        JsonReport.appendString(json, role.name());
        return json;
    }
}
