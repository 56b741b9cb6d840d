package io.forgeloom.leader;

import io.forgeloom.leader.NodeLog.Reign;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Judges what several processes did about one role. Confined to one thread. */
public final class History {

    private final List<Reign> reigns = new ArrayList<>();
    private final List<String> violations = new ArrayList<>();
    private long longestOverlap;
    private int overlaps;

    /** Of nothing yet. */
    public History() {}

    /** How long two processes may both believe at an instant. */
    public interface Tolerance {
        Duration at(long nanos);
    }

    public void add(List<Reign> more) {
        reigns.addAll(more);
    }

    /** Everything that was found wrong, the first hundred of it. */
    public List<String> violations() {
        return List.copyOf(violations.subList(0, Math.min(100, violations.size())));
    }

    Duration longestOverlap() {
        return Duration.ofNanos(longestOverlap);
    }

    int overlaps() {
        return overlaps;
    }

    int reigns() {
        return reigns.size();
    }

    /** What the processes said. */
    public void judgeReigns(Tolerance tolerance) {
        List<Reign> byTime = new ArrayList<>(reigns);
        byTime.sort(Comparator.comparingLong(Reign::from));
        Map<LeadershipToken, String> owners = new HashMap<>();
        Map<String, LeadershipToken> latest = new HashMap<>();
        for (int i = 0; i < byTime.size(); i++) {
            Reign reign = byTime.get(i);
            String owner = owners.putIfAbsent(reign.token(), reign.node());
            if (owner != null && !owner.equals(reign.node())) {
                violations.add("two leaders with one token: " + owner + " and " + reign);
            }
            LeadershipToken before = latest.put(reign.node(), reign.token());
            if (before != null && before.compareTo(reign.token()) > 0) {
                violations.add("after " + before + " comes " + reign);
            }
            for (int j = i + 1; j < byTime.size(); j++) {
                judge(reign, byTime.get(j), tolerance);
            }
        }
    }

    /** The second began later. */
    private void judge(Reign first, Reign second, Tolerance tolerance) {
        long both = Math.min(first.last(), second.last()) - second.from();
        if (both > 0 && !first.node().equals(second.node())) {
            overlaps++;
            longestOverlap = Math.max(longestOverlap, both);
            Duration most = tolerance.at(second.from());
            if (both > most.toNanos()) {
                violations.add("two leaders for " + both / 1_000 + " us, and " + most.toMillis()
                        + " ms at most are allowed: " + first + " and " + second);
            }
        }
    }

    /** What the database was told, see {@link ElectionNode#TABLES}. */
    public void judgeDatabase(Connection connection) throws SQLException {
        find(connection, "terms that do not grow", """
                SELECT * FROM (SELECT id, timeline, term, lag((timeline, term)) OVER (ORDER BY id) AS before FROM leader_terms) AS t
                WHERE (timeline, term) <= before LIMIT 10
                """);
        find(connection, "a write of an earlier leader after one of a later leader", """
                SELECT * FROM (SELECT w.*, lag((timeline, term)) OVER (ORDER BY id) AS before FROM leader_writes AS w) AS t
                WHERE (timeline, term) < before LIMIT 10
                """);
        find(
                connection,
                "a write with another token than the latest",
                "SELECT * FROM leader_writes WHERE (timeline, term) <> (latest_timeline, latest_term) LIMIT 10");
    }

    private void find(Connection connection, String what, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
                StringBuilder found = new StringBuilder(what).append(':');
                for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
                    found.append(' ').append(row.getString(i));
                }
                violations.add(found.toString());
            }
        }
    }
}
