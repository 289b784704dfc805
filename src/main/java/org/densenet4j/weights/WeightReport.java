package org.densenet4j.weights;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How the tensors of a file fit a network.
 *
 * @param matched tensors that fit, by our names, which are torchvision's where it has the network
 * @param missing tensors of the network that the file lacks
 * @param unexpected tensors of the file that the network does not have, by the file's names
 * @param misshaped tensors of another shape or type
 * @param headReset whether the classifier was left out on purpose
 * @param untold what the file does not tell although networks with these tensors differ in it, and
 *     what was taken for it; empty where it records its network
 * @param adapted one line for each convolution that was adapted to another number of channels
 */
public record WeightReport(
        List<String> matched,
        List<String> missing,
        List<String> unexpected,
        List<Mismatch> misshaped,
        boolean headReset,
        Optional<String> untold,
        List<String> adapted) {
    private static final int MOST_LINES = 50;

    /**
     * A tensor that does not fit.
     *
     * @param name ours, which is torchvision's where it has the network
     * @param nameInFile the file's
     * @param found what the file has, such as {@code F32 [1000, 1024]}
     * @param wanted shape that the network wants
     */
    public record Mismatch(String name, String nameInFile, String found, String wanted) {
        @Override
        public String toString() {
            String other = nameInFile.endsWith(name) ? "" : " (in the file " + nameInFile + ")";
            return name + other + " is " + found + ", the network wants " + wanted;
        }
    }

    /** Keeps copies. */
    public WeightReport {
        matched = List.copyOf(matched);
        missing = List.copyOf(missing);
        unexpected = List.copyOf(unexpected);
        misshaped = List.copyOf(misshaped);
        adapted = List.copyOf(adapted);
        Objects.requireNonNull(untold, "untold");
    }

    /** {@return one line for each tensor that does not fit; empty when all do} */
    public List<String> problems() {
        List<String> lines = new ArrayList<>();
        misshaped.forEach(mismatch -> lines.add("mis-shaped  " + mismatch));
        missing.forEach(name -> lines.add("missing     " + name));
        unexpected.forEach(name -> lines.add("unexpected  " + name));
        return lines;
    }

    /**
     * Prints {@link #problems}, the first of them where there are very many.
     *
     * @param out receives a line for each problem
     */
    public void print(PrintWriter out) {
        Objects.requireNonNull(out, "out");
        List<String> lines = problems();
        lines.stream().limit(MOST_LINES).forEach(out::println);
        if (lines.size() > MOST_LINES) {
            out.println("... and " + (lines.size() - MOST_LINES) + " more");
        }
    }

    /**
     * What is wrong, in one line with the fix; empty when these options allow to load.
     *
     * @param head of the network
     * @param known what mends it, where that is known from elsewhere
     */
    Optional<String> refusal(LoadOptions options, Head head, Optional<String> known) {
        boolean unexpectedCounts = !unexpected.isEmpty() && !options.ignoreUnexpected();
        if (missing.isEmpty() && misshaped.isEmpty() && !unexpectedCounts) {
            return Optional.empty();
        }
        String first =
                !misshaped.isEmpty()
                        ? misshaped.getFirst().toString()
                        : !missing.isEmpty()
                                ? missing.getFirst() + " is missing"
                                : unexpected.getFirst() + " is unexpected";
        String line =
                missing.size()
                        + " tensors missing, "
                        + misshaped.size()
                        + " mis-shaped, "
                        + unexpected.size()
                        + " unexpected; first: "
                        + first;
        return Optional.of(line + "; " + known.orElseGet(() -> advice(head)));
    }

    private String advice(Head head) {
        String parametrised =
                missing.stream()
                        .filter(name -> unexpected.stream().anyMatch(u -> isMadeOf(name, u)))
                        .findFirst()
                        .orElse(null);
        if (parametrised != null) {
            return parametrised
                    + " is saved in parts, by weight_norm, spectral_norm or pruning; remove that in"
                    + " PyTorch (remove_weight_norm, prune.remove, ...) and save again";
        }
        boolean onlyHead =
                missing.stream().allMatch(head::has)
                        && misshaped.stream().allMatch(m -> head.has(m.name()));
        if (onlyHead && !(missing.isEmpty() && misshaped.isEmpty())) {
            return "reset the head (--reset-head) to train a new classifier";
        }
        if (missing.isEmpty() && misshaped.isEmpty()) {
            return "if they are not needed, use --ignore-unexpected";
        }
        return "is it the right --model?";
    }

    /** Whether PyTorch computes a tensor from this one when it is used. */
    private static boolean isMadeOf(String name, String part) {
        int dot = name.lastIndexOf('.');
        String layer = name.substring(0, dot);
        String tensor = name.substring(dot + 1);
        return Stream.of("." + tensor + "_g", "." + tensor + "_orig")
                        .anyMatch(end -> part.endsWith(layer + end))
                || part.endsWith(layer + ".parametrizations." + tensor + ".original")
                || part.endsWith(layer + ".parametrizations." + tensor + ".original0");
    }
}
