package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.List;

class UnicodeFormTest {
    private static final String COMPOSED = "caf\u00e9";
    private static final String DECOMPOSED = "cafe\u0301";

    private record Named(List<String> classNames) implements Dataset {
        @Override
        public int size() {
            return 1;
        }

        @Override
        public int height() {
            return 1;
        }

        @Override
        public int width() {
            return 1;
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public int label(int index) {
            return 0;
        }

        @Override
        public void read(int index, byte[] pixels) {
            pixels[0] = 1;
        }
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
                        () ->
                                RelabelledDataset.of(
                                        new Named(List.of(DECOMPOSED)), List.of(COMPOSED, "dog")));
        assertTrue(e.getMessage().contains("differs in the Unicode form"), e.getMessage());
    }
}
