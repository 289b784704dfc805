package org.densenet4j.distributed;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * An MPI library that is found here, for those who ask what works.
 *
 * @param library name that the dynamic loader knows, or a path
 * @param abi whose handles it has
 * @param version what it calls itself
 */
public record MpiFacts(String library, String abi, String version) {
    /** Checks that nothing is missing. */
    public MpiFacts {
        Objects.requireNonNull(library, "library");
        Objects.requireNonNull(abi, "abi");
        Objects.requireNonNull(version, "version");
    }

    /** {@return the libraries that are found, those that are tried first before others} */
    public static List<MpiFacts> ofThisMachine() {
        List<MpiFacts> found = new ArrayList<>();
        for (MpiLibrary library : MpiLibrary.installed(System.getenv())) {
            MpiFacts facts =
                    new MpiFacts(library.name(), library.abi().toString(), library.version());
            // A library has several names.
            if (found.stream().noneMatch(other -> other.version.equals(facts.version))) {
                found.add(facts);
            }
        }
        return List.copyOf(found);
    }

    /** {@return such as "Open MPI v4.1.4 (libmpi.so.40, ABI of Open MPI)"} */
    @Override
    public String toString() {
        return version + " (" + library + ", ABI of " + abi + ")";
    }
}
