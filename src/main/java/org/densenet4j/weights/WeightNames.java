package org.densenet4j.weights;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Names of tensors in the wild, brought to torchvision's: wrappers around the network, the key
 * style of torchvision before 0.3 ({@code denselayer1.norm.1.weight}), and the last normalisation's
 * name in Pleiss et al.'s own code ({@code norm_final}). timm's names are torchvision's.
 */
final class WeightNames {
    private static final List<String> WRAPPERS =
            List.of("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.");
    private static final Pattern OLD_STYLE =
            Pattern.compile("(denselayer\\d+\\.(?:norm|conv))\\.([12]\\.)");

    private WeightNames() {}

    static String canonical(String name) {
        String n = name;
        boolean stripped = true;
        while (stripped) {
            stripped = false;
            for (String wrapper : WRAPPERS) {
                if (n.startsWith(wrapper)) {
                    n = n.substring(wrapper.length());
                    stripped = true;
                }
            }
        }
        n = OLD_STYLE.matcher(n).replaceFirst("$1$2");
        return n.replaceFirst("^features\\.norm_final\\.", "features.norm5.");
    }

    /** Whether a tensor has no place in a network for inference or training and never hurts. */
    static boolean isBookkeeping(String canonical) {
        return canonical.endsWith(".num_batches_tracked") || canonical.startsWith("optimizer.");
    }
}
