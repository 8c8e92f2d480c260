"""GLSL of the body's own surface: skin, lips, brows, lines, eyes, teeth, lashes; painted in rest space."""

from gpu_worker.base_models.pocket.people.shaders.light import LIGHT

BODY_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec3 rest; in float part; in vec4 masks; in float root;
uniform mat4 vp; uniform float inflate;
out vec3 v_position, v_normal, v_rest; out float v_part, v_root; out vec4 v_masks;
void main(){ vec3 p=position+normal*inflate; v_root=root; v_position=p; v_normal=normal; v_rest=rest;
  v_part=part; v_masks=masks; gl_Position=vp*vec4(p,1.0); }
"""

INPUT = "in vec3 v_position, v_normal, v_rest; in float v_part, v_root; in vec4 v_masks; out vec4 colour;\n"

_EYES = """
uniform vec3 iris; uniform vec2 gaze; uniform float lashes;
vec3 eye_colour(vec3 r, vec3 n, vec3 p){
  float s=sign(r.x); vec3 l=vec3(r.x-s*0.31-gaze.x,r.y-7.285-gaze.y,r.z-1.245);
  float d=length(l.xy), front=step(0.0,l.z), at=abs(r.x)-0.31;
  vec3 white=mix(vec3(0.84,0.81,0.79),vec3(0.70,0.54,0.50),smoothstep(0.07,0.15,abs(at)));
  float fibre=0.65+0.6*noise(vec3(atan(l.y,l.x)*7.0,d*22.0,1.0));
  vec3 inner=iris*fibre*mix(1.35,0.75,smoothstep(0.03,0.066,d));
  vec3 c=mix(white,inner,front*smoothstep(0.073,0.066,d));
  c*=1.0-0.55*front*smoothstep(0.014,0.0,abs(d-0.068));
  c=mix(c,vec3(0.005),front*smoothstep(0.030,0.025,d));
  c*=mix(0.40,1.0,smoothstep(0.085,0.02,r.y-7.275));
  vec3 o=shade(c,n,p,0.5,vec3(0),0.0,1.0);
  vec2 glint=vec2(light.x*0.03,0.026+0.01*light.y);
  return o+(key*0.8+0.1)*front*smoothstep(0.018,0.009,length(l.xy-glint)); }
"""

_FACE = """
uniform vec3 skin, hair; uniform vec4 brow; uniform float freckles, years, lipstick, blush, seed;
float spot(vec2 at, vec2 middle, vec2 size){ return exp(-pow(length((at-middle)/size),2.0)); }
vec3 paint(vec3 r, float ax){
  vec2 at=vec2(ax,r.y); float pale=smoothstep(0.03,0.35,skin.g);
  vec3 q=r+seed;
  float big=noise(q*4.0), mid=noise(q*13.0), fine=noise(q*45.0);
  vec3 c=skin*(0.94+0.07*big+0.04*mid+0.03*fine);
  c*=mix(vec3(1),vec3(1.05,0.94,0.92),(mid-0.4)*0.7);
  float warm=spot(at,vec2(0.47,6.97),vec2(0.24,0.19))*step(0.8,r.z)*(0.5+blush)
    +spot(at,vec2(0.0,6.93),vec2(0.16,0.13))*step(1.4,r.z)*0.55+v_masks.z*0.45
    +spot(at,vec2(0.0,6.33),vec2(0.2,0.1))*0.25*step(1.0,r.z);
  c*=mix(vec3(1),mix(vec3(1.0,0.88,0.86),vec3(1.04,0.80,0.77),pale),clamp(warm,0.0,1.0));
  c*=mix(vec3(1),vec3(0.985,1.0,0.97),spot(at,vec2(0.0,7.75),vec2(0.6,0.25)));
  float socket=spot(at,vec2(0.29,7.33),vec2(0.24,0.12))*step(1.0,r.z);
  c*=mix(vec3(1),vec3(0.84,0.74,0.74),socket*(0.5+0.25*years));
  float bag=exp(-pow((r.y-7.135+1.6*pow(ax-0.31,2.0)*3.0)/0.026,2.0))*smoothstep(0.24,0.08,abs(ax-0.31))
    *step(1.0,r.z);
  c*=1.0-bag*(0.04+0.20*years);
  float fold=abs(ax-(0.215+(6.92-r.y)*0.42+0.02*(noise(r*20.0)-0.5)));
  c*=1.0-smoothstep(0.03,0.0,fold)*smoothstep(6.52,6.66,r.y)*smoothstep(6.95,6.85,r.y)*step(1.0,r.z)*(0.02+0.22
    *years);
  float line=smoothstep(0.75,1.0,sin(r.y*52.0+noise(vec3(r.x*3.0,seed,2.0))*6.0))*smoothstep(7.64,7.7,r.y)
    *smoothstep(7.98,7.86,r.y)*step(1.2,r.z)*smoothstep(0.5,0.2,ax);
  c*=1.0-line*years*years*0.15;
  float crow=smoothstep(0.7,1.0,sin(atan(r.y-7.29,ax-0.40)*17.0))*smoothstep(0.10,0.14,length(at-vec2(0.40,7.29)))
    *smoothstep(0.27,0.18,length(at-vec2(0.40,7.29)))*step(0.48,ax);
  c*=1.0-crow*years*years*0.20;
  float age=smoothstep(0.70,0.80,noise(q*16.0+31.0))*smoothstep(0.5,0.9,years);
    c*=mix(vec3(1),vec3(0.85,0.74,0.66),age*0.5);
  if(freckles>0.5){ vec3 cell=floor(q*24.0); float f=hash(cell); vec3 off=fract(q*24.0)-0.5;
    float dot_=smoothstep(0.40,0.15,length(off))*step(0.55,f)*smoothstep(0.68,0.25,ax)
      *smoothstep(6.62,6.85,r.y)*smoothstep(7.34,7.1,r.y)*step(1.0,r.z);
    c=mix(c,c*vec3(0.74,0.53,0.40),dot_*0.85); }
  return c; }
float brow_cover(vec3 r, float ax){
  float u=(ax-0.10)/0.44;
  float y=7.515+brow.x+0.012*u+0.045*brow.z*sin(clamp(u,0.0,1.0)*2.6)-0.045*brow.z*smoothstep(0.6,1.0,u);
  float thick=mix(0.044,0.014,smoothstep(0.35,1.0,u))*brow.y;
  float edge=noise(vec3(r.x*55.0+r.y*30.0,r.y*8.0,3.0));
  float b=smoothstep(thick*1.25,thick*0.35,abs(r.y-y)+0.016*(edge-0.5))*smoothstep(-0.08,0.10,u)
    *smoothstep(1.06,0.86,u);
  float strand=0.80+0.20*noise(vec3((r.x*1.0+r.y*0.9*sign(r.x))*85.0,r.y*18.0,3.0));
  return b*step(1.0,r.z)*brow.w*strand; }
"""

_STUBBLE = """
uniform float beard, moustache, goatee, stubble, scalp, hairline;
float beard_cover(vec3 r, float ax){
  float low=smoothstep(0.0,0.14,(6.62+0.42*smoothstep(0.35,0.75,ax))-r.y)*step(0.35,r.z)
    *smoothstep(6.0,6.18,r.y+0.25*(1.0-smoothstep(0.9,1.3,r.z)));
  float side=smoothstep(0.10,0.0,abs(r.z-0.62))*step(0.6,ax)*smoothstep(7.3,7.2,r.y)*smoothstep(6.6,6.7,r.y);
  float up=smoothstep(0.02,0.07,r.y-6.655)*smoothstep(6.84,6.77,r.y)*smoothstep(0.42,0.28,ax)*step(1.2,r.z);
  float chin=smoothstep(0.35,0.22,ax)*smoothstep(6.54,6.42,r.y)*smoothstep(5.98,6.1,r.y)*step(0.95,r.z);
  float frame=smoothstep(0.05,0.0,abs(ax-0.30)-0.04)*smoothstep(6.76,6.7,r.y)*smoothstep(6.2,6.4,r.y)*step(0.95,r.z);
  float bare=smoothstep(0.85,1.15,length(vec2(ax/0.34,(r.y-6.595)/0.125)));
  return bare*max(max(beard*max(max(low,side),up),moustache*up),goatee*max(max(chin,frame),up*step(ax,0.36))); }
"""

BODY_FRAGMENT = (
    LIGHT
    + INPUT
    + _EYES
    + _FACE
    + _STUBBLE
    + """
void main(){
  vec3 n=normalize(v_normal), r=v_rest; float ax=abs(r.x);
  if(v_part>2.5){ float upper=step(7.27,r.y);
    if(hash(vec3(gl_FragCoord.xy,5.0))>mix(0.25+0.35*upper,0.78,lashes*upper)) discard;
    colour=vec4(tone(shade(vec3(0.022,0.016,0.014),n,v_position,0.4,vec3(0),0.0,1.0)),1.0); return; }
  if(v_part>1.5){ colour=vec4(tone(shade(vec3(0.66,0.62,0.55),n,v_position,0.5,vec3(0),0.1,20.0)),1.0); return; }
  if(v_part>0.5){ colour=vec4(tone(eye_colour(r,n,v_position)),1.0); return; }
  vec3 c=paint(r,ax);
  float lips=smoothstep(0.30,0.80,v_masks.x), seam=smoothstep(0.3,0.8,v_masks.y);
  float pale=smoothstep(0.03,0.35,skin.g);
  vec3 own=skin*mix(vec3(0.76,0.56,0.57),vec3(0.84,0.47,0.46),pale)*(0.92+0.16*noise(vec3(r.x*60.0,r.y*8.0,2.0)));
  vec3 painted=mix(vec3(0.40,0.05,0.06),vec3(0.50,0.16,0.17),fract(seed*7.0))*mix(0.6,1.0,pale);
  c=mix(c,mix(own,painted,lipstick),lips*0.8); c=mix(c,vec3(0.085,0.018,0.016),seam);
  float nostril=smoothstep(0.05,0.02,length((vec2(ax,r.y)-vec2(0.085,6.855))/vec2(1.5,0.9)))*step(1.35,r.z)
    *smoothstep(0.0,-0.3,n.y);
  c*=1.0-0.8*nostril;
  c=mix(c,mix(hair*0.4,vec3(0.02,0.013,0.01),0.55),clamp(brow_cover(r,ax),0.0,1.0));
  float lid=smoothstep(0.3,0.8,v_masks.w); c=mix(c,c*mix(vec3(0.74,0.66,0.66),vec3(0.56,0.44,0.44),lashes
    *lipstick),lid*0.6);
  float cover=beard_cover(r,ax)*(1.0-lips)*(1.0-seam), grain=0.45+0.55*noise(vec3(r.x*70.0,r.y*45.0,r.z*50.0));
  c=mix(c,mix(hair*0.75,c*0.45,stubble*0.5),clamp(cover*grain*mix(0.95,0.62,stubble),0.0,1.0));
  float h=v_root-hairline+0.07*(noise(r*14.0)-0.5)+0.03*(noise(r*60.0)-0.5);
  float under=scalp*smoothstep(-0.03,0.07,h)*(1.0-v_masks.z);
  c=mix(c,hair*0.6,under*(0.7+0.3*noise(r*90.0)));
  float pore=noise(r*75.0); vec3 pores=vec3(pore,noise(r*60.0+7.0),1.0-pore)-0.5;
  float oily=exp(-pow(ax/0.22,2.0))*step(1.2,r.z)*(1.0-years*0.4);
  float gloss=(0.035+0.045*oily)*(0.45+1.1*pore);
  gloss=mix(gloss,0.01,max(under,cover)); gloss=mix(gloss,0.10+0.1*lipstick,lips); gloss*=1.0-seam;
  vec3 soft=vec3(noise(r*11.0),noise(r*11.0+5.0),0.5)-0.5;
  n=normalize(n+pores*0.07+soft*0.05*(0.3+years));
  vec3 bleed=vec3(0.16,0.055,0.03)*(1.0-seam)*mix(0.55,1.0,pale);
  colour=vec4(tone(shade(c,n,v_position,0.16,bleed,gloss,16.0)),1.0);
}
"""
)
