package org.densenet4j.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** All results of a comparison, in the order of measuring. */
final class Results {
    /** Within this of the fastest, a variant may still turn out to be the fastest. */
    private static final double CLOSE = 0.93;

    private final List<Result> all = new ArrayList<>();

    void add(Contender contender) {
        all.add(new Result(contender));
    }

    List<Result> all() {
        return List.copyOf(all);
    }

    /** One contender of each group of comparable ones, first seen first. */
    List<Contender> groups() {
        List<Contender> groups = new ArrayList<>();
        for (Result r : all) {
            if (groups.stream().noneMatch(r.contender()::isComparableTo)) {
                groups.add(r.contender());
            }
        }
        return groups;
    }

    /** Those that were measured, of a kind in a group. */
    private List<Result> of(Contender group, Contender.Kind kind) {
        return all.stream()
                .filter(r -> r.isMeasured() && r.contender().kind() == kind)
                .filter(r -> r.contender().isComparableTo(group))
                .toList();
    }

    /** The fastest by its median. */
    Optional<Result> fastest(Contender group, Contender.Kind kind) {
        return of(group, kind).stream().max(Comparator.comparingDouble(Result::speed));
    }

    /** The one with the least activation memory. */
    Optional<Result> leanest(Contender group, Contender.Kind kind) {
        return of(group, kind).stream()
                .min(Comparator.comparingDouble(Result::residentActivations));
    }

    /** Whether another process of this contender could change what the table says. */
    boolean wants(Result r, int round) {
        if (round == 0) {
            return true;
        }
        return r.isMeasured()
                && r.rounds() < r.contender().mostRounds()
                && r.speed()
                        >= CLOSE
                                * fastest(r.contender(), r.contender().kind())
                                        .orElseThrow()
                                        .speed();
    }
}
