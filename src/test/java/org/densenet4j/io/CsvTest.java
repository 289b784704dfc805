package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.util.List;

class CsvTest {
    @Test
    void everyNameComesBackAsItWas() {
        List<String> names =
                List.of("cat", "a,b", "say \"hi\"", "two\nlines", "\r", "=SUM(A1)", "@x", "", "猫");
        Csv csv = new Csv().row(names).row((Object[]) names.toArray(String[]::new));
        assertEquals(List.of(names, names), Csv.parse(csv.toString()));
    }

    @Test
    void whatNeedsNoQuotesHasNone() {
        assertEquals(
                "name,value\n\"=1+1\",-0.5\n\"-x\",-1e-3\n",
                Csv.of("name", "value").row("=1+1", -0.5).row("-x", "-1e-3").toString());
        assertEquals("\"a\nb\",\"c\rd\"\n", new Csv().row("a\nb", "c\rd").toString());
    }

    @Test
    void whatIsNoNumberIsAnEmptyCell() {
        assertEquals(
                ",,,,,1.500,0.00123\n",
                new Csv()
                        .row(
                                Double.NaN,
                                Float.NEGATIVE_INFINITY,
                                null,
                                Csv.decimals(3, Double.POSITIVE_INFINITY),
                                Csv.significant(3, Double.NaN),
                                Csv.decimals(3, 1.5),
                                Csv.significant(3, 0.00123))
                        .toString());
    }

    @Test
    void linesOfWindowsAreRead() {
        assertEquals(List.of(List.of("a", "b"), List.of("1", "")), Csv.parse("a,b\r\n1,\r\n"));
        assertEquals(List.of(List.of("a"), List.of("b")), Csv.parse("a\nb"));
    }
}
