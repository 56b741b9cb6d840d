package io.forgeloom.cli;

import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Gap;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;

/** An element of a subscription as one line, whatever is in it. */
final class DeliveryLine {

    private DeliveryLine() {}

    /** For eyes: a payload that looks like another line is not told apart. */
    static String text(Delivery delivery) {
        return switch (delivery) {
            case Notification sent -> visible(sent.channel()) + ": " + visible(sent.payload());
            case Gap gap -> "(gap: generation " + gap.generation() + ", " + visible(gap.cause()) + ")";
            case Lagged lagged -> "(lagged: " + lagged.missed() + " missed)";
            case Closed closed -> "(closed: " + visible(closed.cause()) + ")";
        };
    }

    /** For programs, in ASCII. */
    static String json(Delivery delivery) {
        StringBuilder json = new StringBuilder("{\"type\":");
        switch (delivery) {
            case Notification sent -> {
                json.append("\"notification\",\"channel\":");
                JsonReport.appendString(json, sent.channel());
                json.append(",\"payload\":");
                JsonReport.appendString(json, sent.payload());
            }
            case Gap gap -> {
                json.append("\"gap\",\"generation\":").append(gap.generation()).append(",\"cause\":");
                JsonReport.appendString(json, gap.cause());
            }
            case Lagged lagged -> json.append("\"lagged\",\"missed\":").append(lagged.missed());
            case Closed closed -> {
                json.append("\"closed\",\"cause\":");
                JsonReport.appendString(json, closed.cause());
            }
        }
        return json.append('}').toString();
    }

    /** A payload, or any text of others, may hold line ends, and what moves the cursor of a terminal. */
    static String visible(String text) {
        StringBuilder visible = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> visible.append("\\n");
                case '\r' -> visible.append("\\r");
                case '\t' -> visible.append("\\t");
                default -> {
                    if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
                        visible.append(String.format("\\u%04x", (int) c));
                    } else {
                        visible.append(c);
                    }
                }
            }
        }
        return visible.toString();
    }
}
