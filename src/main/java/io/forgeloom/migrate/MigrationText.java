package io.forgeloom.migrate;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The normal form of a migration's text, which is what runs and what the checksum is of: without a byte order mark, with
 * LF for CRLF, so that a checkout on Windows is the same migration. Nothing else is taken away: an edit that joins two
 * lines may change a string, and so changes the checksum.
 */
final class MigrationText {

    /** Names normal form and digest, stored beside each checksum, so that another one can follow. */
    static final String ALGORITHM = "sha256-lf";

    private static final HexFormat HEX = HexFormat.of();

    private MigrationText() {}

    /** The normal form of what a file holds. */
    static String decode(byte[] content) throws ScriptException {
        ByteBuffer bytes = ByteBuffer.wrap(content);
        CharBuffer characters = CharBuffer.allocate(content.length);
        CoderResult result = StandardCharsets.UTF_8.newDecoder().decode(bytes, characters, true);
        if (result.isError()) {
            throw notUtf8(content, bytes.position());
        }
        return normal(characters.flip().toString());
    }

    /** The normal form of a text that the program holds. */
    static String normal(String text) {
        String unmarked = text.startsWith("\uFEFF") ? text.substring(1) : text;
        return unmarked.replace("\r\n", "\n");
    }

    /** SHA-256 of the UTF-8 bytes of a normal form: 64 hexadecimal digits in lower case. */
    static String checksum(String normal) throws ScriptException {
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(normal));
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes);
            return HEX.formatHex(digest.digest());
        } catch (CharacterCodingException e) {
            // Only a text from the program can: half a surrogate pair has no bytes.
            throw new ScriptException(1, "the text holds half of a surrogate pair and cannot be written as UTF-8");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static ScriptException notUtf8(byte[] content, int position) {
        int line = 1;
        for (int i = 0; i < position; i++) {
            if (content[i] == '\n') {
                line++;
            }
        }
        return new ScriptException(
                line,
                "not UTF-8: byte 0x%02x at offset %d; save the file as UTF-8"
                        .formatted(content[position] & 0xff, position));
    }
}
