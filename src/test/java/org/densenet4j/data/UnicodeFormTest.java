package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.testing.FilledImages;
import org.junit.jupiter.api.Test;

import java.util.List;

class UnicodeFormTest {
    private static final String COMPOSED = "caf\u00e9";
    private static final String DECOMPOSED = "cafe\u0301";

    private static Dataset named(String className) {
        return new FilledImages(1, 1, List.of(className), (index, pixels) -> {});
    }

    @Test
    void namesThatLookTheSameAndAreNotAreTold() {
        assertEquals(UnicodeForm.HINT, UnicodeForm.hint(COMPOSED, List.of("dog", DECOMPOSED)));
        assertEquals("", UnicodeForm.hint(COMPOSED, List.of("cafe", COMPOSED)));
    }

    @Test
    void aClassThatTheNetworkKnowsInAnotherFormIsSaidToDifferInFormAlone() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> RelabelledDataset.of(named(DECOMPOSED), List.of(COMPOSED, "dog")));
        assertTrue(e.getMessage().contains("differs in the Unicode form"), e.getMessage());
    }
}
