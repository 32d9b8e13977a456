//! Countries and regions, roughly as often as hubs see them.

/// Where a downloader sits.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) region: &'static str,
}

/// Country, its share in a thousand, its regions. Commas and letters beyond ASCII are there on purpose.
const COUNTRIES: [(&str, u32, &[&str]); 20] = [
    ("US", 340, &["California", "Virginia", "Oregon", "Texas", "New York", "Washington, D.C.", "Ohio"]),
    ("CN", 130, &["Beijing", "Shanghai", "Guangdong", "Zhejiang"]),
    ("DE", 70, &["Hesse", "Bavaria", "Baden-Württemberg", "Berlin"]),
    ("IN", 65, &["Karnataka", "Maharashtra", "Telangana"]),
    ("FR", 55, &["Île-de-France", "Hauts-de-France", "Occitanie"]),
    ("GB", 45, &["England", "Scotland"]),
    ("JP", 45, &["Tokyo", "Osaka"]),
    ("KR", 40, &["Seoul", "Gyeonggi-do"]),
    ("SG", 35, &[""]),
    ("NL", 30, &["North Holland", "South Holland"]),
    ("CA", 30, &["Ontario", "Quebec", "British Columbia"]),
    ("BR", 20, &["São Paulo", "Rio de Janeiro"]),
    ("IE", 20, &["Leinster"]),
    ("SE", 12, &["Stockholm County"]),
    ("CH", 12, &["Zurich", "Geneva"]),
    ("AU", 12, &["New South Wales", "Victoria"]),
    ("VN", 10, &["Hanoi", "Ho Chi Minh"]),
    ("PL", 9, &["Mazovia"]),
    ("ES", 9, &["Catalonia", "Madrid, Comunidad de"]),
    ("IT", 8, &["Lombardy", "Lazio"]),
];

/// The place for random bits; three in a thousand are unknown.
pub(super) fn place(bits: u64) -> Place {
    let mut share = (bits % 1000) as u32;
    for (country, weight, regions) in COUNTRIES {
        if share < weight {
            let region = regions.get((bits >> 40) as usize % regions.len().max(1)).copied().unwrap_or_default();
            return Place { country, region };
        }
        share -= weight;
    }
    Place { country: "", region: "" }
}
