//! Keys of single kinds of layers that are wrong.

use super::blocks::with;
use super::*;

#[test]
fn keys_of_normalisation_and_dropout_are_held_to_their_bounds() {
    let layer = |text: &str| mistake(&format!("{SMALL}[[layer]]\n{text}\n"));
    let dropped = layer("kind = \"dropout\"\np = 1.0");
    assert!(dropped.contains("at least 0 and below 1"), "{dropped}");
    let momentum = layer("kind = \"batch_norm\"\nmomentum = 0.0");
    assert!(momentum.contains("above 0 and at most 1"), "{momentum}");
    let epsilon = layer("kind = \"layer_norm\"\nepsilon = 0.0");
    assert!(epsilon.contains("above 0"), "{epsilon}");
    let slope = layer("kind = \"leaky_relu\"\nslope = -0.5");
    assert!(slope.contains("at least 0"), "{slope}");
    let bias = layer("kind = \"layer_norm\"\naffine = false\nbias = true");
    assert!(bias.contains("`bias` needs `affine`"), "{bias}");
    let groups = layer("kind = \"group_norm\"");
    assert!(groups.contains("`groups`"), "{groups}");
    let word = layer("kind = \"gelu\"\napproximate = \"tan\"");
    assert!(word.contains("none, tanh"), "{word}");
}

#[test]
fn layers_that_reshape_refuse_what_means_nothing() {
    let dense = "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 10\n";
    for (layer, expected) in [
        (
            "kind = \"pad\"",
            "`pad` without zeros does nothing; no zeros; say where zeros come, as in height = [1, 1]",
        ),
        (
            "kind = \"pad\"\nheight = [1, 2, 3]",
            "`height` must be a list of 1 to 2 whole numbers",
        ),
        (
            "kind = \"conv_transpose2d\"\nout_channels = 2\nkernel = 3\nstride = 2\noutput_padding = [2, 0]",
            "`output_padding` must be smaller than `stride` or `dilation`; not smaller than either",
        ),
        (
            "kind = \"conv1d\"\nout_channels = 3\nkernel = 3\ngroups = 2",
            "3 `out_channels` do not divide into 2 `groups`",
        ),
        (
            "kind = \"max_pool1d\"\nkernel = 3\npadding = 2",
            "`padding` must be at most half the `kernel`; more than 1",
        ),
        (
            "kind = \"slice\"\naxis = \"channel\"",
            "`axis` must be one of channels, height, width, time, not \"channel\"; did you mean \"channels\"?",
        ),
        (
            "kind = \"upsample\"\nscale = 33",
            "`scale` must be a whole number from 1 to 32",
        ),
        (
            "kind = \"concat\"",
            "`concat` joins two inputs or more, but layer 1 has 1",
        ),
    ] {
        let found = mistake(&with(&format!("[[layer]]\n{layer}\n{dense}")));
        assert!(found.contains(expected), "{expected}\n{found}");
    }
}
