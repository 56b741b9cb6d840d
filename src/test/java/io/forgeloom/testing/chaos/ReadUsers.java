package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.database.ReadOptions;
import io.forgeloom.error.ForgeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;

/** Reads from whichever server the library chooses, and writes what makes the age of an answer visible. */
final class ReadUsers {

    private final Forge forge;
    private final Teller teller;
    private final BankUsers bank;

    /** Of the links, in the order of the servers. */
    private final List<String> ports;

    ReadUsers(Forge forge, Teller teller, BankUsers bank, List<String> ports) {
        this.forge = forge;
        this.teller = teller;
        this.bank = bank;
        this.ports = ports;
    }

    /** A new number for this place, in the primary. */
    void beat() {
        long k = System.nanoTime() / 1_000_000;
        forge.database().inTransaction(transaction -> {
            try (PreparedStatement update = transaction
                    .connection()
                    .prepareStatement("UPDATE public.chaos_beat SET k = ? WHERE slot = ? AND k < ?")) {
                update.setLong(1, k);
                update.setString(2, Line.slot(teller.node()));
                update.setLong(3, k);
                return update.executeUpdate();
            }
        });
        teller.tell("beat", "k", k);
    }

    /** All numbers, as a server has them. */
    void readBeats() {
        read("beats", 0, ReadOptions.DEFAULTS, connection -> {
            StringBuilder found = new StringBuilder();
            try (PreparedStatement select = connection.prepareStatement("SELECT slot, k FROM public.chaos_beat");
                    ResultSet row = select.executeQuery()) {
                while (row.next()) {
                    found.append(row.getString(1))
                            .append(':')
                            .append(row.getLong(2))
                            .append(',');
                }
            }
            return found.toString();
        });
    }

    /** Commits, and looks for it. */
    void readOwnWrite() {
        BankUsers.Written written = bank.transferWithPosition();
        if (written == null) {
            return;
        }
        read("own", written.n(), ReadOptions.after(written.position()), connection -> {
            try (PreparedStatement select =
                    connection.prepareStatement("SELECT count(*) FROM public.chaos_journal WHERE node = ? AND n = ?")) {
                select.setString(1, teller.node());
                select.setLong(2, written.n());
                try (ResultSet row = select.executeQuery()) {
                    row.next();
                    return row.getString(1);
                }
            }
        });
    }

    private interface Question {
        String ask(Connection connection) throws SQLException;
    }

    private void read(String what, long n, ReadOptions options, Question question) {
        long begin = System.nanoTime();
        int[] server = {-1};
        try {
            String found = forge.database().read(options, connection -> {
                server[0] = serverOf(connection);
                return question.ask(connection);
            });
            teller.tell("read", "what", what, "n", n, "begin", begin, "server", server[0], "found", found);
        } catch (ForgeException e) {
            teller.tell(
                    "unread",
                    "what",
                    what,
                    "n",
                    n,
                    "begin",
                    begin,
                    "server",
                    server[0],
                    "why",
                    Line.sentence(String.valueOf(e.getMessage())));
        }
    }

    private int serverOf(Connection connection) throws SQLException {
        String url = connection.getMetaData().getURL();
        for (int i = 0; i < ports.size(); i++) {
            if (url.contains(":" + ports.get(i) + "/")) {
                return i;
            }
        }
        throw new IllegalStateException("none of the servers: " + url);
    }
}
