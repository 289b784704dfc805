package org.densenet4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TableTest {
    private final Table table =
            Table.of("Memory", "strategy", "peak").row("SHARED", "361.2 MB").row("NAIVE", "2 GB");

    @Test
    void numbersAreAlignedAtTheRightAndNamesAtTheLeft() {
        assertEquals("strategy      peak\nSHARED    361.2 MB\nNAIVE         2 GB\n", table.text());
    }

    @Test
    void htmlHasACaptionAndHeadingsForBothDirections() {
        String html = table.html();
        assertTrue(html.contains("<caption>Memory</caption>"));
        assertTrue(
                html.indexOf(">Memory</p>") < html.indexOf("class=\"scroll\""),
                "seen whole beside a table that is wider than a phone");
        assertTrue(html.contains("<th scope=\"col\" class=\"number\">peak</th>"));
        assertTrue(html.contains("<th scope=\"row\">SHARED</th>"));
    }

    @Test
    void aRowMustHaveOneCellForEachColumn() {
        assertThrows(IllegalArgumentException.class, () -> table.row("x"));
    }
}
