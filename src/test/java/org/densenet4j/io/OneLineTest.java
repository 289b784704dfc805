package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class OneLineTest {
    @Test
    void nothingBreaksTheLineOrMovesTheCursor() {
        assertEquals("a\\nb\\r\\tc", OneLine.of("a\nb\r\tc"));
        assertEquals(
                "\\u001b[2J\\u007f\\u0085\\u2028\\u2029",
                OneLine.of("\u001b[2J\u007f\u0085\u2028\u2029"));
    }

    @Test
    void nothingInvisibleTurnsOrHidesAName() {
        assertEquals("\\u202egpj.exe", OneLine.of("\u202egpj.exe"));
        assertEquals("\\ufeffcat \\u2066x", OneLine.of("\ufeffcat \u2066x"));
    }

    @Test
    void otherNamesStayAsTheyAre() {
        assertEquals("C:\\photos\\猫 à.png", OneLine.of("C:\\photos\\猫 à.png"));
    }
}
