//! What `[data]` says: where samples come from, how they are split, and what is done to them.

use std::path::PathBuf;

/// `[data]`: what is learned from and how raw numbers become what the network sees: `x = (raw / divide_by - mean) / std`.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// `source`: where samples come from. Default: `csv` when `path` ends in .csv or .tsv, `text` when it ends in .txt, `idx` for another
    /// `path`, else the key is required.
    pub source: DataSource,
    /// `path`: the file or folder, relative to the working directory. May be missing: the command line can give it.
    pub path: Option<PathBuf>,
    /// `task`: whether the targets are classes or numbers. Default: numbers for csv and npy with a loss of numbers, else classes.
    pub task: Task,
    /// `test`: the fraction of the samples held back for the test, 0 <= f < 1, where the data brings no test part. Default 0.2.
    pub test: f64,
    /// `validation`: the fraction of the training samples held back for validation, 0 <= f < 1, where the data brings no validation
    /// part. Default 0.
    pub validation: f64,
    /// `split`: which samples are held back. Default `stratified`; `tail` for the digits, idx and text.
    pub split: Split,
    /// `divide_by`: raw numbers are divided by this. Default 255 for idx and images; 240 for the digits, whose PNG holds 0 to 240; 1
    /// for csv and npy.
    pub divide_by: f64,
    /// `normalize`: whether mean and deviation are fitted to the training part. Default `standard` for images, csv and npy, unless
    /// `mean` or `std` are given; else `none`.
    pub normalize: Normalize,
    /// `mean`: subtracted after the division; one for all channels or one for each. Default: nothing is subtracted.
    pub mean: Option<Vec<f64>>,
    /// `std`: divided by after the subtraction; one for all channels or one for each, above 0. Default: no division.
    pub std: Option<Vec<f64>>,
    /// `stream`: whether samples wait on the host for their turn. Default `auto`.
    pub stream: Streaming,
    /// `[data.augment]`: how pictures are changed while training. Default: not at all.
    pub augment: Option<Augment>,
    /// `class_weights`: how much the samples of each class count in the loss while training. Default: all the same.
    pub class_weights: Option<ClassWeights>,
    /// For source images.
    pub images: Images,
    /// For source csv.
    pub table: Table,
    /// For source text.
    pub text: Text,
}

/// Where samples come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// `digits`: the 8x8 handwritten digits inside the program.
    Digits,
    /// `idx`: IDX files, the format of MNIST.
    Idx,
    /// `cifar10`: CIFAR-10 in its binary version, unpacked or not.
    Cifar10,
    /// `images`: a folder of pictures for each class.
    Images,
    /// `csv`: a table.
    Csv,
    /// `npy`: arrays of NumPy.
    Npy,
    /// `text`: a plain text, character by character; the network says of each which one follows.
    Text,
}

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `classification`: one of a few classes.
    Classification,
    /// `regression`: numbers.
    Regression,
}

/// Where mean and standard deviation come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// `none`: from `mean` and `std`; without them numbers stay as they are.
    None,
    /// `standard`: fitted to the training part, for each channel or column; numbers to be predicted as well.
    Standard,
}

/// How pictures are changed while training: drawn anew for each sample in every epoch, by the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Augment {
    /// `shift`: pixels up, down, left and right at most. Default 0.
    pub shift: u32,
    /// `flip`: what is exchanged in half of the pictures. Default `none`.
    pub flip: Flip,
    /// `rotate`: degrees to both sides at most, up to 90. Default 0.
    pub rotate: f64,
    /// `scale`: larger and smaller by this share at most, up to 0.9. Default 0.
    pub scale: f64,
    /// `brightness`: added to and subtracted from pixels between 0 and 1, up to 0.9. Default 0.
    pub brightness: f64,
    /// `contrast`: the distance from 0.5 grows and shrinks by this share, up to 0.9. Default 0.
    pub contrast: f64,
    /// `cutout`: side of a black square, in pixels. Default 0.
    pub cutout: u32,
    /// `mixup`: samples are mixed with others by shares from Beta(mixup, mixup), up to 8. Default 0: not at all.
    pub mixup: f64,
}

impl Augment {
    /// Whether pictures are changed by themselves: that takes pictures, while any samples can be mixed.
    pub fn changes_pictures(&self) -> bool {
        let Self {
            shift,
            flip,
            rotate,
            scale,
            brightness,
            contrast,
            cutout,
            mixup: _,
        } = *self;
        (shift, cutout) != (0, 0)
            || flip != Flip::None
            || [rotate, scale, brightness, contrast]
                .iter()
                .any(|&strength| strength > 0.0)
    }
}

/// What is exchanged in half of the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flip {
    /// `none`.
    #[default]
    None,
    /// `horizontal`: left and right.
    Horizontal,
    /// `vertical`: up and down.
    Vertical,
    /// `both`, each by itself.
    Both,
}

/// Whether samples wait on the host for their turn, or all lie on the adapter. The results are the same, bit for bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streaming {
    /// `auto`: when they are larger than the adapter binds in one piece.
    #[default]
    Auto,
    /// `always`.
    Always,
    /// `never`: what does not fit is refused.
    Never,
}

/// How much the samples of each class count in the loss.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// `"balanced"`: every class counts the same, however many samples it has: n / (classes · samples of the class).
    Balanced,
    /// A table of weights by the names of the classes; those that are not named weigh 1.
    Table(Vec<(String, f64)>),
}

/// How pictures become samples of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `size`: height and width. Default: the median of the pictures, at most 224.
    pub size: Option<[usize; 2]>,
    /// `channels`: 1, 3 or 4. Default: 1 if all pictures are grey, else 3.
    pub channels: Option<usize>,
}

/// How a text becomes samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// `context`: characters of a window, which is a sample. Default 64.
    pub context: usize,
    /// `stride`: characters from the beginning of a window to train on to that of the next. Default `context`: an epoch reads every
    /// character once. With 1 every character begins a window.
    pub stride: usize,
}

/// How a table becomes samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// `target`: the column to be predicted. Default: the last.
    pub target: Option<String>,
    /// `weight`: a column that says how much each row counts. Default: all the same.
    pub weight: Option<String>,
    /// `ignore`: columns that are not looked at. Default none.
    pub ignore: Vec<String>,
    /// `categorical`: columns whose numbers are names. Default none; columns of texts are categorical anyway.
    pub categorical: Vec<String>,
    /// `categories`: what categories become. Default `one_hot`.
    pub categories: Categories,
    /// `missing`: what is done about missing values. Default `refuse`.
    pub missing: Missing,
    /// `text`: a column of texts, which become rows of tokens and are all that is learned from. Default none.
    pub text: Option<TextColumn>,
}

/// How a column of texts becomes tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextColumn {
    /// `text`: its name.
    pub name: String,
    /// `tokens`: what texts are cut into. Default `words`.
    pub tokens: TokenUnit,
    /// `max_tokens`: tokens of a sample. Of longer texts the first ones are kept, and shorter ones stand behind padding, which is
    /// token 0. Default 128.
    pub max_tokens: usize,
    /// `max_vocabulary`: the most different tokens, padding (0) and unknown (1) among them; the most frequent of the training part.
    /// Default 10000.
    pub max_vocabulary: usize,
}

/// What texts are cut into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenUnit {
    /// `words`, in lower case, and punctuation.
    #[default]
    Words,
    /// `characters`.
    Characters,
}

/// What the categories of a column become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Categories {
    /// `one_hot`: a number for each, of which one is 1 and the others 0.
    #[default]
    OneHot,
    /// `ordinal`: one number, 0, 1, 2, … in alphabetical order.
    Ordinal,
}

/// What is done about missing values in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// `refuse`: an error that names the first one.
    #[default]
    Refuse,
    /// `drop`: rows with one are left out.
    Drop,
    /// `fill`: the mean of the training part stands in, or its most frequent category.
    Fill,
}

/// Which training samples are held back for validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// `tail`: the last ones of the training file, before any shuffling, as Keras' `validation_split`.
    Tail,
    /// `random`: drawn with the seed.
    Random,
    /// `stratified`: drawn with the seed, the same fraction of every class.
    Stratified,
}
