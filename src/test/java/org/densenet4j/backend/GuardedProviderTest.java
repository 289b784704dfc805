package org.densenet4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Optional;

class GuardedProviderTest {
    private static final String MISSING =
            "class org.bytedeco.javacpp.Loader is missing; add the library that has it to the class"
                    + " path or module path";

    /** A backend that finds its libraries wanting whatever it is asked. */
    private record Broken(LinkageError error) implements DeviceProvider {
        @Override
        public String name() {
            return "broken";
        }

        @Override
        public int preference() {
            return 7;
        }

        @Override
        public Optional<String> problem() {
            throw error;
        }

        @Override
        public List<Finding> findings() {
            throw error;
        }

        @Override
        public Device open(DeviceOptions options) {
            throw error;
        }
    }

    @Test
    void aMissingClassIsTheBackendsProblem() {
        LinkageError error = new NoClassDefFoundError("org/bytedeco/javacpp/Loader");
        DeviceProvider provider = new GuardedProvider(new Broken(error));
        assertEquals("broken", provider.name());
        assertEquals(7, provider.preference());
        assertEquals(Optional.of(MISSING), provider.problem());
        assertEquals(List.of(), provider.findings());
        DeviceException thrown =
                assertThrows(DeviceException.class, () -> provider.open(DeviceOptions.defaults()));
        assertEquals(MISSING, thrown.getMessage());
        assertSame(error, thrown.getCause());
    }

    @Test
    void whatDoesNotFitIsToldInOneLine() {
        LinkageError error = new UnsatisfiedLinkError("libx.so: cannot open\nno such file");
        DeviceProvider provider = new GuardedProvider(new Broken(error));
        assertEquals(
                Optional.of(
                        "a library that it needs does not fit or start: UnsatisfiedLinkError:"
                                + " libx.so: cannot open"),
                provider.problem());
    }
}
