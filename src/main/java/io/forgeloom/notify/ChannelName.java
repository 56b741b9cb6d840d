package io.forgeloom.notify;

/** The bounds that PostgreSQL sets to what is sent, checked before it is. */
final class ChannelName {

    /** NAMEDATALEN - 1: LISTEN cuts a longer one without an error, and pg_notify refuses it. */
    private static final int MAX_CHANNEL_BYTES = 63;

    /** One below NOTIFY_PAYLOAD_MAX_LENGTH. */
    private static final int MAX_PAYLOAD_BYTES = 7_999;

    /** So much of a refused text is shown. */
    private static final int SHOWN = 80;

    private ChannelName() {}

    static String require(String channel) {
        if (channel.isEmpty()) {
            throw new IllegalArgumentException("a channel must have a name");
        }
        int bytes = bytes("channel", channel);
        if (bytes > MAX_CHANNEL_BYTES) {
            throw new IllegalArgumentException("channel \"" + shown(channel) + "\" has " + bytes
                    + " bytes of UTF-8, more than PostgreSQL's " + MAX_CHANNEL_BYTES + "; use a shorter name");
        }
        return channel;
    }

    static String requirePayload(String payload) {
        int bytes = bytes("payload", payload);
        if (bytes > MAX_PAYLOAD_BYTES) {
            throw new IllegalArgumentException("payload has " + bytes + " bytes of UTF-8, more than PostgreSQL's "
                    + MAX_PAYLOAD_BYTES + "; store the content in a table and send its key");
        }
        return payload;
    }

    /** As SQL takes it. */
    static String quoted(String channel) {
        return '"' + channel.replace("\"", "\"\"") + '"';
    }

    private static int bytes(String what, String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    what + " \"" + shown(text) + "\" has a NUL character, which PostgreSQL cannot store; leave it out");
        }
        int bytes = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < 0x80) {
                bytes++;
            } else if (c < 0x800) {
                bytes += 2;
            } else if (!Character.isSurrogate(c)) {
                bytes += 3;
            } else if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                bytes += 4;
                i++;
            } else {
                throw new IllegalArgumentException(
                        what + " has half of a surrogate pair at " + i + ", which is no character");
            }
        }
        return bytes;
    }

    private static String shown(String text) {
        String shown = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
        return shown.replaceAll("\\p{Cntrl}", "?");
    }
}
