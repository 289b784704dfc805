package org.densenet4j.distributed;

import java.lang.foreign.SymbolLookup;

/**
 * What MPI libraries call their handles and constants: {@code mpi.h} leaves that to each. The
 * functions are the same.
 */
enum MpiAbi {
    /** Handles are addresses of objects in the library (Open MPI's mpi.h, versions 1 to 6). */
    OPEN_MPI("Open MPI", 1, 2) {
        @Override
        Handles handles(SymbolLookup library) {
            return new Handles(
                    address(library, "ompi_mpi_comm_world"),
                    address(library, "ompi_mpi_float"),
                    address(library, "ompi_mpi_double"),
                    address(library, "ompi_mpi_byte"),
                    address(library, "ompi_mpi_op_sum"));
        }
    },

    /** Handles are int, the same since MPICH 3.1, also of Intel, Cray and MVAPICH (mpi.h). */
    MPICH("MPICH's family", -1, 2) {
        @Override
        Handles handles(SymbolLookup library) {
            return new Handles(0x44000000, 0x4c00040a, 0x4c00080b, 0x4c00010d, 0x58000003);
        }
    },

    /** The standard's own ABI (MPI 5.0, chapter 20), of libraries named {@code libmpi_abi}. */
    STANDARD("MPI 5's standard ABI", 1, 2048) {
        @Override
        Handles handles(SymbolLookup library) {
            return new Handles(0x101, 0x210, 0x214, 0x247, 0x21);
        }
    };

    /** As arguments of 64 bits, of which a function takes as many as its type has. */
    record Handles(long world, long float32, long float64, long bytes, long sum) {}

    private final String label;
    private final long inPlace;
    private final int serialized;

    /**
     * @param inPlace {@code MPI_IN_PLACE}
     * @param serialized {@code MPI_THREAD_SERIALIZED}
     */
    MpiAbi(String label, long inPlace, int serialized) {
        this.label = label;
        this.inPlace = inPlace;
        this.serialized = serialized;
    }

    /** That of a library. A standard one may have been linked with one that has its own. */
    static MpiAbi of(String name, SymbolLookup library) {
        if (name.substring(name.lastIndexOf('/') + 1).contains("mpi_abi")) {
            return STANDARD;
        }
        return library.find("ompi_mpi_comm_world").isPresent() ? OPEN_MPI : MPICH;
    }

    /** The library's handles. */
    abstract Handles handles(SymbolLookup library);

    private static long address(SymbolLookup library, String symbol) {
        return library.findOrThrow(symbol).address();
    }

    long inPlace() {
        return inPlace;
    }

    int serialized() {
        return serialized;
    }

    @Override
    public String toString() {
        return label;
    }
}
