package org.densenet4j.reference;

import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * Which way every ReLU and the max-pool of a forward pass went: what a backward pass needs to know
 * of them. Immutable.
 */
public final class Branches {
    /** Where a max-pool took its values from, and where it would have otherwise. */
    record Sources(int[] taken, int[] next) {}

    private final Map<String, BitSet> open;
    private final Map<String, Sources> pools;

    Branches(Map<String, BitSet> open, Map<String, Sources> pools) {
        this.open = Map.copyOf(open);
        this.pools = Map.copyOf(pools);
    }

    BitSet open(String relu) {
        return open.get(relu);
    }

    int[] taken(String pool) {
        return pools.get(pool).taken();
    }

    /** Whether a ReLU lets an element through. */
    public boolean isOpen(String relu, int element) {
        return open.get(relu).get(element);
    }

    /** The same with some of them the other way. */
    public Branches flipped(Collection<Kink> kinks) {
        Map<String, BitSet> gates = new HashMap<>(open);
        Map<String, Sources> sources = new HashMap<>(pools);
        for (Kink kink : kinks) {
            if (gates.containsKey(kink.layer())) {
                BitSet gate = (BitSet) gates.get(kink.layer()).clone();
                gate.flip(kink.element());
                gates.put(kink.layer(), gate);
            } else {
                Sources s = sources.get(kink.layer());
                int[] taken = s.taken().clone();
                taken[kink.element()] = s.next()[kink.element()];
                sources.put(kink.layer(), new Sources(taken, s.next()));
            }
        }
        return new Branches(gates, sources);
    }
}
