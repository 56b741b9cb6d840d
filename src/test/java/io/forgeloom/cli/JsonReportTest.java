package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.cli.Diagnosis.ServerReport;
import java.util.List;
import org.junit.jupiter.api.Test;

class JsonReportTest {

    @Test
    void everyCharacterSurvivesAndOnlyAsciiIsWritten() {
        StringBuilder all = new StringBuilder();
        for (int c = 0; c < 0x800; c++) {
            all.append((char) c);
        }
        String text = all + "\u2028\u2029\ufffe 漢 \ud83d\ude00 </script>";

        StringBuilder json = new StringBuilder();
        JsonReport.appendString(json, text);

        assertEquals(text, JsonText.read(json.toString()));
        assertTrue(json.chars().allMatch(c -> c >= ' ' && c < 0x7f), json::toString);
    }

    @Test
    void notesAreOkAndProblemsAreNot() {
        Finding fine = Finding.ok("url", "a \"quoted\" name");
        Finding note = Finding.note("tls", "off", "switch it on");
        Finding problem = Finding.problem("version", "17", "upgrade");

        String sound = JsonReport.of(new Diagnosis(List.of(new ServerReport("primary", List.of(fine, note)))));
        assertEquals("""
                {"ok":true,"checks":[
                  {"name":"url","ok":true,"detail":"a \\"quoted\\" name","remedy":null},
                  {"name":"tls","ok":true,"detail":"off","remedy":"switch it on"}
                ]}""", sound);

        String unsound = JsonReport.of(new Diagnosis(
                List.of(new ServerReport("primary", List.of()), new ServerReport("replica-2", List.of(problem)))));
        assertEquals("""
                {"ok":false,"checks":[
                  {"name":"replica-2.version","ok":false,"detail":"17","remedy":"upgrade"}
                ]}""", unsound);
    }
}
